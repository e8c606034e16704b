// The order card: Ctrl+S, and what Tom Select needs after a choice.
(() => {
  'use strict';
  document.addEventListener('keydown', (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.code !== 'KeyS') return;
    const button = document.querySelector('[data-save]');
    if (!button) return;
    event.preventDefault();
    document.activeElement?.blur?.(); // a field's last change counts
    button.click();
  });
  // on the phone the longer sections start folded, unless something in them has to be mended
  if (matchMedia('(max-width: 767.98px)').matches) {
    document.querySelectorAll('#delivery, #payment, #about').forEach((section) => {
      section.open = Boolean(section.querySelector('.is-invalid')) || section.contains(document.querySelector(':target'));
    });
  }
  // the search field of the table of products is empty again after each choice
  document.addEventListener('htmx:afterRequest', ({ detail: { elt } }) => {
    if (elt.matches?.('[data-clears]') && elt.tomselect) {
      elt.tomselect.clear(true);
      elt.tomselect.clearOptions();
      elt.tomselect.focus();
    }
  });
  // fields that follow from what was chosen in the box of delivery offers
  document.addEventListener('set-fields', ({ detail }) => {
    for (const [name, value] of Object.entries(detail)) {
      const field = typeof value === 'string' && document.getElementById(name);
      if (field?.tomselect) field.tomselect.setValue(value, true);
      else if (field) field.value = value;
    }
    document.getElementById('order-form').dispatchEvent(new Event('change', { bubbles: true }));
  });
  let focused = ''; // the field of that box which had the focus when the box was renewed
  document.addEventListener('htmx:beforeSwap', ({ detail: { target } }) => {
    const at = target.id === 'delivery-quote' && target.contains(document.activeElement) && document.activeElement;
    focused = at?.name ? `[name="${at.name}"]${at.type === 'radio' ? `[value="${CSS.escape(at.value)}"]` : ''}` : '';
  });
  document.addEventListener('htmx:afterSettle', () => {
    if (focused) document.querySelector(`#delivery-quote ${focused}`)?.focus({ preventScroll: true });
    focused = '';
  });
  // the tracking number that the order gets while the card is open goes into its field, unless another is typed there
  const [ttn, parcel] = ['ttn', 'parcel'].map((id) => () => document.getElementById(id));
  let known = parcel()?.dataset.number;
  const follow = (take) => {
    const { number } = parcel().dataset;
    if (number !== known && (take || ttn().value === known)) {
      const give = () => { ttn().value = ttn().defaultValue = known = number; };
      document.dispatchEvent(new CustomEvent('form-given', { detail: { form: ttn().form, give } }));
    }
    const other = parcel().querySelector('[data-other]');
    if (other) other.hidden = number === known || ttn().value === number;
  };
  document.addEventListener('htmx:afterSettle', () => { if (parcel()) follow(false); });
  document.addEventListener('click', ({ target }) => { if (target.closest?.('[data-take]')) follow(true); });
  // a new name typed into a registry's field becomes an entry of the registry
  document.addEventListener('change', async ({ target: select }) => {
    const { quick } = select.dataset ?? {};
    const typed = select.value;
    if (!quick || !typed || /^\d+$/.test(typed)) return;
    const token = document.querySelector('meta[name=csrf-token]').content;
    const answer = await fetch(quick, { method: 'POST', headers: { 'X-CSRFToken': token }, body: new URLSearchParams({ name: typed }) }).catch(() => null);
    const box = select.tomselect;
    const made = await answer?.json().catch(() => null);
    box.removeOption(typed, true);
    if (answer?.ok && made) {
      box.addOption({ value: made.value, text: made.text });
      box.setValue(made.value);
    } else {
      const detail = { text: made?.error || document.querySelector('#strings').dataset.failed, kind: 'error' };
      document.dispatchEvent(new CustomEvent('toast', { detail }));
    }
  });
})();
