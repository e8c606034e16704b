"""/api/v1/openapi.json is true: Schemathesis makes requests from it, good and bad, and holds the answers against it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import jsonschema
import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import GenerationConfig

from models import SCOPES, db
from orders import creation, placing, tokens
from orders.timeline import Actor
from views.api.blueprint import OPERATIONS
from views.api.schemas import SCHEMAS
