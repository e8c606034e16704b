/* Automation: values put into a message's text by a press, rules put into another order by dragging. */
(() => {
  const token = () => document.querySelector('meta[name=csrf-token]')?.content || document.querySelector('[name=csrf_token]')?.value || '';

  document.addEventListener('click', ({ target }) => {
    const chip = target.closest('[data-insert]');
    const field = chip && document.getElementById(chip.dataset.into);
    if (!field || field.disabled) return;
    if (!field.selectionEnd) field.selectionStart = field.value.length; // not touched yet
    field.setRangeText(chip.dataset.insert, field.selectionStart, field.selectionEnd, 'end');
    field.focus();
    field.dispatchEvent(new Event('input', { bubbles: true }));
  });

  const list = document.querySelector('[data-drag-list]');
  if (!list) return;
  const ids = () => [...list.children].map((row) => row.dataset.id).join(',');
  let held = null;
  let before = '';
  list.addEventListener('dragstart', (event) => {
    held = event.target.closest('[draggable]');
    if (!held) return;
    before = ids();
    held.classList.add('is-held');
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', held.dataset.id);
  });
  list.addEventListener('dragover', (event) => {
    const over = event.target.closest('[draggable]');
    if (!held) return;
    event.preventDefault();
    if (!over || over === held) return;
    const box = over.getBoundingClientRect();
    list.insertBefore(held, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
  });
  list.addEventListener('drop', (event) => event.preventDefault());
  list.addEventListener('dragend', async () => {
    held?.classList.remove('is-held');
    held = null;
    if (ids() === before) return;
    const body = new URLSearchParams({ ids: ids() });
    const headers = { 'X-CSRFToken': token(), 'X-Dragged': '1' };
    const answer = await fetch(list.dataset.dragList, { method: 'POST', body, headers }).catch(() => null);
    if (!answer?.ok) return location.reload(); // shows what is kept
    [...list.children].forEach((row, i, all) => {
      row.querySelector('[value=up]').disabled = i === 0;
      row.querySelector('[value=down]').disabled = i === all.length - 1;
    });
  });
})();
