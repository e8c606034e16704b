// Columns of an export put in order by dragging, or by the arrow keys on their grips. The buttons work without this.
(() => {
  'use strict';
  const told = (item) => item.closest('form').dispatchEvent(new Event('change', { bubbles: true })); // the preview listens
  const of = (event) => event.target.closest?.('[data-column]');
  let [dragged, moved] = [null, false];
  document.addEventListener('dragstart', (event) => {
    dragged = of(event);
    if (!dragged) return;
    moved = false;
    event.dataTransfer.effectAllowed = 'move';
    event.dataTransfer.setData('text/plain', '');
    dragged.classList.add('is-dragged');
  });
  document.addEventListener('dragover', (event) => {
    const over = of(event);
    if (!dragged || !over) return;
    event.preventDefault();
    if (over === dragged) return;
    const after = dragged.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
    over[after ? 'after' : 'before'](dragged);
    moved = true;
  });
  document.addEventListener('drop', (event) => { if (dragged) event.preventDefault(); });
  document.addEventListener('dragend', () => {
    if (!dragged) return;
    dragged.classList.remove('is-dragged');
    if (moved) told(dragged);
    dragged = null;
  });
  document.addEventListener('keydown', (event) => {
    const grip = event.target.closest?.('[data-grip]');
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (!grip || !by) return;
    event.preventDefault();
    const item = of(event);
    const other = by < 0 ? item.previousElementSibling : item.nextElementSibling;
    if (!other) return;
    other[by < 0 ? 'before' : 'after'](item);
    grip.focus();
    told(item);
  });
  document.addEventListener('change', (event) => { // a name for settings changes no row of the file
    if (event.target.matches?.('[data-unsent]')) event.stopPropagation();
  }, true);
})();
