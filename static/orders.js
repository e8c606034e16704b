// The list of orders: what each row would have to say of its menus and keys is said once, by the table.
(() => {
  'use strict';
  const table = (row) => row.closest('[data-rows]').dataset;
  const box = (row) => row.querySelector('[data-check]');
  const address = (row, what) => `${table(row).rows}${row.dataset.id}/${what}`;
  window.addEventListener('toggle', ({ target: menu }) => { // a row's menu is fetched when it is first opened
    if (!menu.matches?.('details[data-menu][open]')) return;
    const body = menu.querySelector('.menu-body');
    if (body.firstChild) return;
    body.append(document.querySelector('#wait-template').content.cloneNode(true));
    [...body.querySelectorAll('i')].slice(3).forEach((line) => line.remove());
    htmx.ajax('GET', address(menu.closest('[data-row]'), menu.dataset.menu), { source: menu, target: body, swap: 'innerHTML' });
  }, true);
  let press = 0; // on the phone a long press starts choosing
  document.addEventListener('pointerdown', ({ target, pointerType }) => {
    const row = target.closest?.('[data-send] > [data-row]');
    clearTimeout(press);
    press = row && pointerType !== 'mouse' && setTimeout(() => {
      press = 0; // the click that ends this press chooses nothing
      row.closest('.list').classList.add('is-picking');
      if (!box(row).checked) box(row).click();
    }, 500);
  });
  for (const name of ['pointerup', 'pointercancel', 'pointermove']) document.addEventListener(name, () => clearTimeout(press));
  const picking = (event) => event.target.closest?.('.is-picking [data-row]');
  document.addEventListener('contextmenu', (event) => { if (picking(event)) event.preventDefault(); });
  window.addEventListener('click', (event) => { // then a tap chooses instead of opening
    const row = picking(event);
    if (!row || event.target === box(row)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (press) box(row).click();
  }, true);
  const keys = {
    s: (row) => htmx.ajax('GET', `${table(row).send}?ids=${row.dataset.id}`, { source: row, target: '#drawer-body', swap: 'innerHTML' }),
    c: (row) => 'confirmable' in row.dataset && htmx.ajax('POST', address(row, 'status'),
      { source: row, target: row, swap: 'outerHTML', values: { status: table(row).confirmed } }),
  };
  document.addEventListener('row-key', (event) => { // from app.js
    const { target: row, detail: key } = event;
    if (!keys[key] || !row.closest('[data-send]')) return;
    event.preventDefault();
    keys[key](row);
  });
})();
