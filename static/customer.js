// The customer's page: keeps each field as it is typed, suggests places, shows the total. Works without it, step by step.
(() => {
  'use strict';
  const form = document.querySelector('#order');
  const { save, places, saved, unsaved } = form.dataset;
  const token = document.querySelector('meta[name=csrf-token]').content;
  const note = document.querySelector('#saved');
  const asks = ['city', 'region', 'delivery_method_id', 'pickup_address', 'pickup_code', 'payment_method_id']; // prices and points follow them
  const waiting = new Map(); // field -> value that the hub doesn't have yet
  let timer = 0;
  let busy = false;
  function say(text, bad) {
    note.textContent = text;
    note.classList.toggle('bad', Boolean(bad));
  }
  async function send(leaving = false) {
    clearTimeout(timer);
    if (busy && !leaving) return later(300);
    const sent = new Map(waiting);
    const headers = { 'X-CSRFToken': token };
    busy = true;
    try {
      const answer = await fetch(save, { method: 'POST', headers, body: new URLSearchParams([...sent]), keepalive: leaving });
      if (answer.status === 410 || answer.status === 404) return location.reload(); // the page says why
      if (!answer.ok) throw new Error(answer.status);
      sent.forEach((value, name) => waiting.get(name) === value && waiting.delete(name));
      if (sent.size) say(saved);
      if ('asks' in form.dataset && asks.some((name) => sent.has(name))) refresh();
    } catch {
      if (sent.size) { say(unsaved, true); later(5000); }
    } finally { busy = false; }
  }
  function later(wait) { clearTimeout(timer); timer = setTimeout(send, wait); }
  const kept = (field) => field.name && !['csrf_token', 'step', 'to'].includes(field.name);
  function changed({ target: field }) {
    if (!kept(field) || (field.type === 'radio' && !field.checked)) return;
    waiting.set(field.name, field.value);
    if (field.name === 'delivery_method_id') document.querySelector('#total').textContent = document.querySelector(`#cost-${field.value}`).dataset.total;
    if (field.dataset.address) put('pickup_address', field.dataset.address);
    if (field.dataset.suggest) suggest(field);
  }
  form.addEventListener('input', (event) => { changed(event); later(700); });
  form.addEventListener('change', (event) => { changed(event); if (waiting.size) send(); });
  form.addEventListener('submit', () => { clearTimeout(timer); form.querySelector('.go').setAttribute('aria-busy', 'true'); });
  window.addEventListener('pageshow', () => form.querySelector('.go').removeAttribute('aria-busy'));
  document.addEventListener('visibilitychange', () => { if (document.hidden && waiting.size) send(true); });
  const here = () => { if (!document.hidden) send(); }; // the shop sees that somebody is at it
  here();
  setInterval(here, 45000);
  // ---- places and prices
  let asked = 0;
  function put(name, value) { form.elements[name].value = value; waiting.set(name, value); }
  async function suggest(field) {
    const list = field.list;
    const chosen = [...list.options].find((option) => option.value === field.value);
    put('region', chosen?.label ?? '');
    if (form.querySelector('[name=pickup_code]:checked')) { put('pickup_code', ''); put('pickup_address', ''); } // of another city
    if (chosen) return;
    const turn = ++asked;
    const found = await fetch(`${places}?${new URLSearchParams({ q: field.value })}`).then((answer) => answer.json()).catch(() => []);
    if (turn !== asked) return;
    list.replaceChildren(...found.map(({ text, note: label }) => Object.assign(new Option(label, text), { label })));
  }
  let looked = 0;
  async function refresh(again = 8) { // what the page says of the words that are kept: its live parts change places
    const turn = ++looked;
    const page = await fetch(`?step=${form.elements.step.value}&look=1`).then((answer) => answer.text()).catch(() => '');
    if (turn !== looked || waiting.size) return;
    const fresh = new DOMParser().parseFromString(page, 'text/html');
    const { name, value } = document.activeElement;
    fresh.querySelectorAll('[data-live]').forEach((part) => document.getElementById(part.id)?.replaceWith(part));
    if (document.activeElement === document.body && name) [...form.elements].find((field) => field.name === name && field.value === value)?.focus();
    if (again && document.querySelector('[data-again]')) setTimeout(refresh, 1000, again - 1);
  }
  if (document.querySelector('[data-again]')) refresh();
  const wrong = form.querySelector('[aria-invalid]');
  if (wrong) wrong.focus();
})();
