// A file that is too large is said so before it is sent; the server would break the connection off in the middle.
document.addEventListener('change', ({ target }) => {
  if (!target.matches('input[type=file][data-largest]')) return;
  const isTooLarge = target.files[0]?.size > Number(target.dataset.largest);
  target.setCustomValidity(isTooLarge ? target.dataset.tooLarge : '');
  target.reportValidity();
});
