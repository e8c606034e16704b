// Runs before the first paint, so that neither theme nor row height flickers. Everything else is in app.js.
(function () {
  const root = document.documentElement;
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } }; // storage may be blocked
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const paint = () => { root.dataset.bsTheme = read('theme') || (dark.matches ? 'dark' : 'light'); };
  root.classList.add('js');
  root.dataset.density = read('density') || root.dataset.density || 'compact';
  paint();
  dark.addEventListener('change', paint);
})();
