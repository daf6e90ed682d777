// Before the first paint: the theme chosen earlier, and a mark that scripts run here.
document.documentElement.dataset.js = "";
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch {}
