// The launch page: measures every plan against the chosen setup, and keeps the summary right.
// The server has rendered the same for the setup that is chosen first, and decides in the end.
(() => {
  "use strict";
  const form = document.querySelector("form[data-launch]");
  if (!form) return;

  const gigabytes = (mib) => (mib < 1024 ? `${mib} MB` : `${(mib / 1024).toFixed(1).replace(/\.0$/, "")} GB`);
  const worded = (pattern, values) => pattern.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
  const put = (name, value) => {
    for (const element of form.querySelectorAll(`[data-order-${name}]`)) element.textContent = value;
  };
  const plans = [...form.querySelectorAll("[data-plan]")];
  const largest = Math.max(1, ...plans.map((row) => Number(row.querySelector("input").dataset.have)));

  function measure(row, setup) {
    const input = row.querySelector("input");
    const need = Number(setup.dataset.need), have = Number(input.dataset.have);
    const fits = need <= have;
    const values = { setup: setup.dataset.title, need: gigabytes(need), have: gigabytes(have), left: gigabytes(have - need) };
    const pattern = fits ? (need ? form.dataset.fit : form.dataset.noNeed) : (have ? form.dataset.misfit : form.dataset.noCard);
    row.querySelector("[data-fit-text]").textContent = worded(pattern, values);
    input.disabled = !fits;
    const mark = Math.min(100, (100 * need) / largest);
    row.querySelector("[data-fill]")?.setAttribute("width", `${Math.min(mark, (100 * have) / largest)}%`);
    row.querySelector("[data-need-mark]")?.setAttribute("x", `${mark}%`);
  }

  function show() {
    const setup = form.querySelector("input[name=setup]:checked");
    if (!setup) return;
    for (const row of plans) measure(row, setup);
    let plan = form.querySelector("input[name=plan]:checked");
    if (plan?.disabled) {
      plan.checked = false;
      plan = form.querySelector("input[name=plan]:enabled");
      if (plan) plan.checked = true;
    }
    for (const about of form.querySelectorAll("[data-about]")) {
      const chosen = about.dataset.about === setup.value;
      about.classList.toggle("hidden", !chosen);
      about.classList.toggle("sm:flex", chosen);
    }
    put("setup", setup.dataset.title);
    const cover = form.querySelector("[data-order-cover]");
    if (cover) cover.src = setup.dataset.cover;
    const button = form.querySelector("[data-order-button]");
    button.disabled = !plan;
    if (!plan) return;
    put("plan", plan.dataset.title);
    put("hour", plan.dataset.hour);
    put("second", plan.dataset.second);
    put("disk", plan.dataset.disk);
    put("disk-day", plan.dataset.diskDay);
    if (plan.dataset.hour) button.textContent = worded(form.dataset.button, { price: plan.dataset.hour });
  }

  form.addEventListener("change", show);
  form.querySelector("input[name=setup]:checked")?.closest("label").scrollIntoView({ block: "nearest", inline: "center" });
  show();
})();
