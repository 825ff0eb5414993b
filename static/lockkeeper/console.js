// Puts the keyboard where the person needs it: on the refusal if there is one, else on the first field of a confirmation. A sheet is read first.
document.addEventListener("DOMContentLoaded", () => {
  const refusal = document.querySelector(".lk-sheet .lk-refusal");
  if (refusal) return refusal.focus();
  if (document.querySelector(".lk-sheet")) return;
  const form = document.querySelector(".lk-confirm");
  if (!form) return;
  const field = "input:not([type=hidden]), select, textarea";
  const target =
    form.querySelector(".lk-refusal") || form.querySelector(field) || form.querySelector("button[type=submit]");
  target?.focus();
});
