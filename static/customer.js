// The customer's page: keeps each field as it is typed, suggests places, shows the total. Works without it, step by step.
(() => {
  'use strict';
  const form = document.querySelector('#order');
  const { save, places, saved, unsaved } = form.dataset;
  const token = document.querySelector('meta[name=csrf-token]').content;
  const note = document.querySelector('#saved');
  const total = document.querySelector('#total');
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
    } catch {
      if (sent.size) { say(unsaved, true); later(5000); }
    } finally { busy = false; }
  }
  function later(wait) { clearTimeout(timer); timer = setTimeout(send, wait); }
  const kept = (field) => field.name && !['csrf_token', 'step', 'to'].includes(field.name);
  function changed({ target: field }) {
    if (!kept(field) || (field.type === 'radio' && !field.checked)) return;
    waiting.set(field.name, field.value);
    if (field.dataset.total) total.textContent = field.dataset.total;
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
  // ---- places
  let asked = 0;
  async function suggest(field) {
    const list = field.list;
    const chosen = [...list.options].find((option) => option.value === field.value);
    const code = form.elements.pickup_code;
    if (field.name === 'pickup_address' && code) { code.value = chosen?.dataset.code ?? ''; waiting.set('pickup_code', code.value); }
    if (chosen) return;
    const turn = ++asked;
    const query = new URLSearchParams({ what: field.dataset.suggest, q: field.value, city: form.elements.city?.value ?? '' });
    const method = form.querySelector('[name=delivery_method_id]:checked');
    if (method) query.set('delivery_method_id', method.value);
    const found = await fetch(`${places}?${query}`).then((answer) => answer.json()).catch(() => []);
    if (turn !== asked) return;
    list.replaceChildren(...found.map(({ text, note: label, code: own }) => Object.assign(new Option(label, text), { label: label || text })));
    [...list.options].forEach((option, n) => { option.dataset.code = found[n].code; });
  }
  const wrong = form.querySelector('[aria-invalid]');
  if (wrong) wrong.focus();
})();
