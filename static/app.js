// What HTML alone can't do. No framework, no inline anything; each part looks for data- attributes (docs/ui-kit.md).
(() => {
  'use strict';
  const root = document.documentElement;
  const find = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const on = (type, selector, act, capture = false) => document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  }, capture);
  const listen = (names, act, capture = false) => names.split(' ').forEach((name) => document.addEventListener(name, act, capture));
  const mark = (element, name, ms) => { element.classList.add(name); setTimeout(() => element.classList.remove(name), ms); };
  const strings = find('#strings').dataset;
  const widget = (kind) => async (element) => (await import(strings.widgets))[kind](element, strings); // fetched when a page has one
  // ---- theme and row height (theme.js applied them before the first paint)
  function flip(key, one, other, name = key) {
    root.dataset[key] = root.dataset[key] === one ? other : one;
    try { localStorage.setItem(name, root.dataset[key]); } catch { /* storage may be blocked: it lasts for this page */ }
  }
  on('click', '[data-theme-switch]', () => { flip('bsTheme', 'dark', 'light', 'theme'); all('[data-chart]').forEach(widget('chart')); });
  on('click', '[data-density-switch]', () => flip('density', 'compact', 'normal'));
  // ---- toasts: flashed ones are in the page already, others come as an HX-Trigger event
  function arm(toast) {
    const stays = toast.dataset.toast === 'error' && !toast.dataset.seconds; // until read
    const undo = find('[data-toast-undo]', toast);
    let left = Number(toast.dataset.seconds) || 6;
    const timer = !stays && setInterval(() => {
      if (toast.matches(':hover, :focus-within') && !undo) return;
      left -= 1;
      if (undo) undo.textContent = `${strings.undo} ${left}`;
      if (left <= 0) close();
    }, 1000);
    const close = () => { clearInterval(timer); toast.remove(); };
    find('[data-toast-close]', toast).onclick = close;
    if (undo) undo.form.onsubmit = (event) => {
      event.preventDefault();
      htmx.ajax('POST', undo.form.action, { source: document.body, swap: 'none' });
      close();
    };
  }
  function toast(text, kind = 'ok', undo = '', seconds = 0) {
    const line = find('#toast-template').content.firstElementChild.cloneNode(true);
    line.className = `toast-line is-${kind}`;
    Object.assign(line.dataset, { toast: kind }, (seconds || undo) && { seconds: seconds || 10 });
    find('.toast-text', line).textContent = text;
    const [use, form] = [find('use', line), find('form', line)];
    const icon = { ok: 'circle-check', warn: 'alert-triangle', error: 'alert-circle' }[kind] || 'info-circle';
    use.setAttribute('href', use.getAttribute('href').replace(/#.*/, `#${icon}`));
    if (undo) form.action = undo; else form.remove();
    find('#toasts').append(line);
    arm(line);
  }
  listen('toast', ({ detail }) => toast(detail.text ?? detail.value, detail.kind, detail.undo, detail.seconds));
  // ---- copy, reveal, dialogs, menus
  on('click', '[data-copy]', async (button) => {
    await (await import(strings.widgets)).copy(button.dataset.copy);
    if (!button.matches('.btn-copy')) return toast(strings.copied);
    mark(button, 'is-done', 1500);
  });
  root.classList.toggle('can-share', Boolean(navigator.share));
  on('click', '[data-share]', ({ dataset }) => navigator.share({ url: dataset.share }).catch(() => {})); // closed by the person: nothing to say
  listen('copy-text', async ({ detail }) => (await import(strings.widgets)).copy(detail.text));
  on('click', '[data-reveal]', ({ previousElementSibling: input }) => { input.type = input.type === 'password' ? 'text' : 'password'; });
  on('click', '[data-dialog-open]', (button) => find(button.dataset.dialogOpen)?.showModal());
  on('click', '[data-dialog-close]', (button) => button.closest('dialog').close());
  on('click', 'dialog', (dialog, event) => { if (event.target === dialog) dialog.close(); }); // the backdrop
  listen('click', ({ target }) => all('details.menu[open]').forEach((menu) => {
    if (!menu.contains(target) || target.closest('.menu-item')) menu.open = false;
  }));
  listen('toggle', ({ target: menu }) => { // keep an opened menu inside the window
    if (!menu.matches?.('details.menu[open]')) return;
    const body = find('.menu-body', menu);
    menu.classList.remove('is-right', 'is-up');
    const box = body.getBoundingClientRect();
    menu.classList.toggle('is-right', box.right > innerWidth - 8);
    menu.classList.toggle('is-up', box.bottom > innerHeight - 8 && box.top > box.height + 60);
    find('input:not([type=hidden]), .menu-item', body)?.focus({ preventScroll: true });
  }, true);
  function ask(text, yes = strings.ok) {
    const [dialog, button] = [find('#confirm'), find('[data-confirm-yes]')];
    if (!dialog) return Promise.resolve(window.confirm(text));
    [find('[data-confirm-text]').textContent, button.textContent] = [text, yes];
    return new Promise((answer) => {
      button.onclick = () => { answer(true); dialog.close(); };
      dialog.onclose = () => answer(false);
      dialog.showModal();
    });
  }
  listen('submit', async (event) => {
    const { target: form, submitter } = event;
    const text = submitter?.dataset.confirm || form.dataset.confirm;
    if (text && !form.sure) {
      event.preventDefault();
      event.stopImmediatePropagation();
      form.sure = await ask(text, submitter?.dataset.confirmOk || form.dataset.confirmOk);
      if (form.sure) form.requestSubmit(submitter);
      form.sure = false;
    } else if (form.method !== 'dialog') {
      clean.set(form, written(form)); // sent: leaving the page now loses nothing
      if (!submitter || form.matches('[hx-post], [hx-get], [hx-put]')) return;
      mark(submitter, 'is-busy', 8000); // a download leaves the page where it is
    }
  }, true);
  window.addEventListener('pageshow', () => all('.btn.is-busy').forEach((button) => button.classList.remove('is-busy')));
  on('change', 'form[data-autosubmit]', (form) => form.requestSubmit());
  // ---- leave guard: a form counts as touched when what it would send differs from what it came with
  const clean = new WeakMap();
  const written = (form) => new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, value.name ?? value])).toString();
  const touched = (from = document) => all('form[data-guard]', from).some((form) => clean.has(form) && clean.get(form) !== written(form));
  window.addEventListener('beforeunload', (event) => { if (touched()) event.preventDefault(); });
  listen('form-given', ({ detail: { form, give } }) => { // what the server gives a field meanwhile is no change of the user's
    const unchanged = clean.get(form) === written(form);
    give();
    if (unchanged) clean.set(form, written(form));
  });
  // ---- htmx: token, confirmation, failures in words
  listen('htmx:configRequest', ({ detail }) => { detail.headers['X-CSRFToken'] = find('meta[name=csrf-token]').content; });
  // what a question is about stays in the page until it is answered: no part of it renews itself meanwhile
  const waits = (trigger) => !trigger && find('#confirm[open]'); // what goes by time has no event
  listen('htmx:beforeSwap', ({ detail }) => { if (waits(detail.requestConfig?.triggeringEvent)) detail.shouldSwap = false; });
  listen('htmx:confirm', (event) => {
    if (waits(event.detail.triggeringEvent)) event.preventDefault();
    if (!event.detail.question) return;
    event.preventDefault();
    ask(event.detail.question, event.target.dataset.confirmOk).then((yes) => yes && event.detail.issueRequest(true));
  });
  listen('htmx:sendError htmx:timeout', () => toast(strings.offline, 'error'));
  listen('htmx:responseError', ({ detail: { xhr } }) => {
    if ((xhr.getResponseHeader('HX-Trigger') || '').includes('"toast"')) return; // the server said it better
    const known = { 400: 'expired', 401: 'expired', 403: 'forbidden', 404: 'gone', 410: 'gone', 429: 'busy' };
    toast(strings[known[xhr.status] || 'failed'], 'error');
  });
  // ---- drawer: a page shown at the side, with its own address; Back and Esc return to the list
  const drawer = find('#drawer');
  let [listUrl, pushed, expected] = ['', 0, false]; // addresses pushed since the drawer opened; a move in history of our own
  const inDrawer = (event) => event.detail.target?.id === 'drawer-body';
  const travel = (steps) => { expected = steps !== 0; if (expected) history.go(steps); };
  async function closeDrawer(byBack = false) {
    if (!drawer || drawer.hidden) return;
    if (touched(drawer) && !await ask(strings.unsaved, strings.leave)) return travel(byBack ? 1 : 0);
    drawer.hidden = true;
    find('#drawer-body').replaceChildren();
    travel(byBack ? 0 : -pushed);
    currentRow()?.querySelector('[data-open]')?.focus({ preventScroll: true });
  }
  on('click', 'a[data-drawer]', (link, event) => { // a new tab stays a new tab
    if (event.ctrlKey || event.metaKey || event.shiftKey) event.stopImmediatePropagation();
    else goTo(link.closest('[data-row]'), false);
  }, true);
  on('click', '[data-drawer-close]', () => closeDrawer());
  listen('htmx:beforeRequest', (event) => {
    if (!inDrawer(event) || !drawer.hidden) return;
    [listUrl, pushed] = [location.href, 0];
    find('#drawer-body').replaceChildren(find('#wait-template').content.cloneNode(true));
    drawer.hidden = false;
  });
  listen('htmx:pushedIntoHistory', () => { pushed += 1; });
  listen('htmx:beforeSwap', (event) => { if (inDrawer(event) && drawer.hidden) event.detail.shouldSwap = false; }); // closed meanwhile
  listen('htmx:afterSwap', (event) => { if (inDrawer(event)) (find('[autofocus]', event.detail.target) || event.detail.target).focus(); });
  listen('htmx:sendError htmx:timeout htmx:responseError', (event) => {
    if (inDrawer(event) && find('#drawer-body > .skeleton')) drawer.hidden = true;
    const form = event.detail.elt.closest('form[data-guard]');
    if (form) clean.set(form, ''); // not sent after all
  });
  window.addEventListener('popstate', (event) => {
    if (!expected && (!drawer || drawer.hidden || location.href !== listUrl)) return;
    event.stopImmediatePropagation(); // before htmx reloads the page that is still there
    if (!expected) closeDrawer(true);
    expected = false;
  }, true);
  // ---- lists: cursor, choice, bulk bar; both live by id, so swapped rows keep them
  const chosen = new Set();
  let [current, anchor] = [null, null];
  const rows = () => all('[data-list] [data-row]').filter((row) => row.offsetParent);
  const currentRow = () => current && rows().find((row) => row.dataset.id === current);
  function goTo(row, scroll = true) {
    if (!row) return;
    current = row.dataset.id;
    paintRows();
    if (scroll) row.scrollIntoView({ block: 'nearest' });
  }
  const pick = (list, yes) => list.forEach((row) => chosen[yes ? 'add' : 'delete'](row.dataset.id));
  function choose(row, yes, upTo = false) {
    const list = rows();
    const ends = [list.findIndex((other) => other.dataset.id === anchor), list.indexOf(row)].sort((one, other) => one - other);
    const range = upTo && ends[0] >= 0 ? list.slice(ends[0], ends[1] + 1) : [row];
    pick(range, yes);
    anchor = row.dataset.id;
    paintRows(false);
  }
  function drop() {
    chosen.clear();
    all('.is-picking').forEach((list) => list.classList.remove('is-picking'));
    paintRows(false);
  }
  function paintRows(everything = find('[data-all]')?.checked) {
    const list = all('[data-list] [data-row]');
    chosen.forEach((id) => list.some((row) => row.dataset.id === id) || chosen.delete(id));
    list.forEach((row) => {
      all('[data-check]', row).forEach((box) => { box.checked = chosen.has(row.dataset.id); });
      row.classList.toggle('is-chosen', chosen.has(row.dataset.id));
      row.classList.toggle('is-current', row.dataset.id === current);
    });
    const [head, bar] = [find('[data-check-all]'), find('[data-bulk-bar]')];
    const full = chosen.size > 0 && chosen.size === list.length;
    if (head) Object.assign(head, { checked: full, indeterminate: chosen.size > 0 && !full });
    if (bar) paintBar(bar, list.filter((row) => chosen.has(row.dataset.id)), full, everything);
  }
  function paintBar(bar, picked, full, everything) {
    const sums = {};
    picked.forEach(({ dataset: { sum, currency } }) => { if (currency) sums[currency] = (sums[currency] || 0) + Math.round(Number(sum) * 100); });
    const words = Object.entries(sums).map(([currency, cents]) =>
      new Intl.NumberFormat(root.lang, { style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(cents / 100));
    const more = find('[data-bulk-all]', bar);
    bar.classList.toggle('is-on', chosen.size > 0);
    find('[data-all]', bar).checked = everything;
    find('[data-bulk-count]', bar).textContent = everything ? more.dataset.found : chosen.size;
    find('[data-bulk-sum]', bar).textContent = everything ? '' : words.join(' + ');
    if (more) more.hidden = everything || !full;
  }
  on('click', '[data-check]', (box, event) => choose(box.closest('[data-row]'), box.checked, event.shiftKey));
  on('click', '[data-check-all]', (head) => { pick(all('[data-list] [data-row]'), head.checked); paintRows(false); });
  on('click', '[data-bulk-clear]', drop);
  on('click', '[data-bulk-all]', () => paintRows(true));
  // ---- keys, by place on the keyboard when the layout isn't Latin
  let going = 0;
  const letter = (event) => {
    if (/^[a-z/?]$/i.test(event.key)) return event.key.toLowerCase();
    if (event.code === 'Slash') return event.shiftKey ? '?' : '/';
    return /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : event.key;
  };
  const step = (by) => { const list = rows(); goTo(list[Math.max(0, Math.min(list.length - 1, list.indexOf(currentRow()) + by))]); };
  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    x: (event) => { const row = currentRow(); if (row) choose(row, event.shiftKey || !chosen.has(current), event.shiftKey); },
    e: () => find('[data-open]', currentRow() || undefined)?.click(), Enter: () => keys.e(),
    '/': () => find('[data-search]')?.select(), '?': () => find('#keys')?.showModal(), g: () => { going = Date.now(); },
  };
  function pressKey(key) { // a row's keys: static/orders.js
    const row = !chosen.size && currentRow();
    const of = (place) => place && find(`[data-key="${CSS.escape(key)}"]`, place);
    const near = of(drawer?.hidden === false && drawer) || of(chosen.size ? find('[data-bulk-bar]') : row);
    if (!near && row && !row.dispatchEvent(new CustomEvent('row-key', { bubbles: true, cancelable: true, detail: key }))) return true;
    const button = near || of(find('main')) || of(find('.top-actions'));
    return button?.click() ?? Boolean(button);
  }
  listen('keydown', (event) => {
    const typing = event.target.closest('input:not([type=checkbox]), textarea, select, [contenteditable], .ts-wrapper');
    if (event.ctrlKey || event.metaKey || event.altKey || find('dialog[open]')) return;
    if (event.key === 'Escape') { event.preventDefault(); return escape(typing); } // else the browser closes a dialog we open here
    const key = letter(event);
    if (typing || (event.target.closest('a, button, summary') && ['Enter', ' '].includes(key))) return;
    if (Date.now() - going < 1500) { going = 0; find(`.side [data-go="${CSS.escape(key)}"]`)?.click(); }
    else if (keys[key] && (find('[data-list]') || !key.startsWith('Arrow'))) { keys[key](event); event.preventDefault(); }
    else if (key.length === 1 && pressKey(key)) event.preventDefault();
  });
  function escape(typing) {
    if (typing?.matches('.cell-input')) typing.value = typing.defaultValue; // a cell of a table is saved as it is left
    const menu = find('details.menu[open]');
    if (menu) { menu.open = false; find('summary', menu).focus(); }
    else if (typing) typing.blur();
    else if (drawer && !drawer.hidden) closeDrawer();
    else drop();
  }
  // ---- times that pass
  setInterval(() => {
    const words = new Intl.RelativeTimeFormat(root.lang, { style: 'short', numeric: 'auto' });
    all('time[data-ago]').forEach((time) => {
      const minutes = Math.round((Date.now() - new Date(time.dateTime)) / 60000);
      const hours = Math.round(minutes / 60);
      if (minutes > 0 && minutes < 1440) time.textContent = minutes < 60 ? words.format(-minutes, 'minute') : words.format(-hours, 'hour');
    });
  }, 30000);
  const two = (number) => String(Math.floor(number) % 60).padStart(2, '0');
  const countDown = (element) => {
    const left = Math.max(0, Math.floor((new Date(element.dataset.countdown) - Date.now()) / 1000));
    const minutes = left < 3600 ? Math.floor(left / 60) : `${Math.floor(left / 3600)}:${two(left / 60)}`;
    element.textContent = left ? `${minutes}:${two(left)}` : strings.over;
  };
  setInterval(() => all('[data-countdown]').forEach(countDown), 1000);
  // ---- everything above for what is in the page now and for what htmx brings later
  function enhance(part, arrived) {
    const within = (selector) => [...(part.matches?.(selector) ? [part] : []), ...all(selector, part)];
    within('[data-enhance=select]').forEach(widget('select'));
    within('[data-chart]').forEach(widget('chart'));
    within('[data-countdown]').forEach(countDown);
    within('form[data-guard]').forEach((form) => clean.set(form, find('.is-invalid, .is-unsaved', form) ? '' : written(form)));
    within('[data-autofocus]').forEach((element) => element.focus());
    within('.tab-line [aria-current], .stats [aria-current]').forEach((tab) => { // the chosen one may lie beyond the edge of the phone
      const line = tab.parentElement;
      if (tab.offsetLeft + tab.offsetWidth > line.offsetLeft + line.clientWidth) line.scrollLeft = tab.offsetLeft - line.offsetLeft - 40;
    });
    within('[data-flash]').forEach((element) => {
      element.removeAttribute('data-flash');
      if (arrived) mark(element, 'is-flashing', 2000);
    });
    paintRows();
  }
  all('[data-toast]').forEach(arm);
  enhance(document, false);
  listen('htmx:load', ({ detail }) => { if (detail.elt !== document.body) enhance(detail.elt, true); });
})();
