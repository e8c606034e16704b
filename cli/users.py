"""`flask users`: people who may sign in."""

from __future__ import annotations

import sys

import click
from email_validator import EmailNotValidError, validate_email
from flask.cli import AppGroup
from sqlalchemy.exc import IntegrityError

from models import User, db
from models.people import ROLES
from views import passwords, setup_link

command = AppGroup("users", help="People who may sign in.")


@command.command("list")
def list_users() -> None:
    """One line a person: e-mail, role, and whether they may sign in."""
    for user in db.session.scalars(db.select(User).order_by(User.email)):
        click.echo(f"{user.email}\t{user.role}\t{'active' if user.active else 'off'}")


@command.command("add")
@click.argument("email")
@click.option("--role", type=click.Choice(ROLES), default="manager", show_default=True)
@click.option("--name", default="", help="How the timeline calls them.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--link", is_flag=True, help="Print a one-time link to set the password (the default).")
def add(email: str, role: str, name: str, password_stdin: bool, link: bool) -> None:
    """Add a person, or print a new link for one who exists."""
    if password_stdin and link:
        raise click.UsageError("--password-stdin and --link exclude each other")
    user = _user(email, role, name)
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
        if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
            raise click.ClickException(f"the password needs {passwords.SHORTEST} to {passwords.LONGEST} characters")
        setup_link.change_password(user, password)
        db.session.commit()
        return
    click.echo(setup_link.new_password_link(user))
    db.session.commit()


def _user(email: str, role: str, name: str) -> User:
    try:
        address = validate_email(email, check_deliverability=False).normalized.lower()
    except EmailNotValidError as error:
        raise click.ClickException(f"{email}: {error}") from None
    known = db.session.scalar(db.select(User).where(User.email == address))
    if known is not None:
        return known
    user = User(email=address, role=role, name=name, password_hash="")
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError:
        raise click.ClickException(f"{address} was added just now by someone else") from None
    return user
