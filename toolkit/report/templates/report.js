"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];

  // Sorting: numbers by value, text by name, what has no value last in both directions.
  const compare = (one, other, sign) => {
    if (one === "" || other === "") return (one === "") - (other === "");
    const numbers = [Number(one), Number(other)];
    return sign * (numbers.some(Number.isNaN) ? one.localeCompare(other) : numbers[0] - numbers[1]);
  };
  // Merged cells stand for all columns they span.
  const valueAt = (row, column) => {
    let position = 0;
    for (const cell of row.cells) {
      position += cell.colSpan;
      if (column < position) return cell.dataset.value ?? "";
    }
    return "";
  };
  for (const table of all("table.sortable")) {
    all("thead button", table).forEach((button, column) => {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const order = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        for (const other of all("thead th", table)) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", order);
        const sign = order === "ascending" ? 1 : -1;
        const rows = [...table.tBodies[0].rows];
        rows.sort((one, other) => compare(valueAt(one, column), valueAt(other, column), sign));
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Pictures: which artifact is shown, and the wipe of its answer over the truth.
  const wipes = all(".example").map((example) => {
    const wipe = example.querySelector(".wipe");
    const stage = wipe.querySelector(".stage");
    const slider = wipe.querySelector("input");
    const move = (share) => {
      slider.value = share;
      stage.style.setProperty("--cut", `${slider.value}%`);
      slider.setAttribute("aria-valuetext", `${slider.value} % artifact, ${100 - slider.value} % truth`);
    };
    slider.addEventListener("input", () => move(slider.value));
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      move(Math.round((100 * (event.clientX - box.left)) / box.width));
    };
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      follow(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (stage.hasPointerCapture(event.pointerId)) follow(event);
    });
    const refresh = () => {
      const truth = example.querySelector('[data-role="truth"]');
      const answer = example.querySelector('.answer:not([hidden]) [data-role="prediction"]');
      wipe.hidden = !(truth && answer);
      if (wipe.hidden) return;
      stage.style.aspectRatio = `${truth.naturalWidth || 1} / ${truth.naturalHeight || 1}`;
      wipe.querySelector(".under").src = truth.src;
      wipe.querySelector(".over").src = answer.src;
      wipe.querySelector(".tag.left").textContent = answer.closest(".answer").dataset.artifact;
    };
    return refresh;
  });
  const show = (artifact) => {
    for (const answer of all(".answer")) answer.hidden = answer.dataset.artifact !== artifact;
    for (const refresh of wipes) refresh();
  };
  const picker = document.querySelector("#artifact-picker");
  if (picker) {
    picker.closest(".picker").hidden = false;
    picker.addEventListener("change", () => show(picker.value));
    show(picker.value);
  }

  const copy = document.querySelector(".copy");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.querySelector(".command code").textContent);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Select and copy by hand";
      }
      setTimeout(() => { copy.textContent = "Copy"; }, 2000);
    });
  }
})();
