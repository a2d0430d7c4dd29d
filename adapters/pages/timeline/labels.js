// Names of the rows, as elements: groups are buttons for pointer and keyboard, also of a screen reader.

const labelPool = [];

function drawLabels(first, last) {
  for (let slot = 0; slot <= last - first; slot++) {
    if (!labelPool[slot]) {
      const made = element("button", "", "label");
      made.type = "button";
      made.tabIndex = -1;
      made.addEventListener("click", () => {
        page.row = Number(made.dataset.row);
        toggleGroup(rows[page.row]);
        redraw();
      });
      labelPool[slot] = labels.appendChild(made);
    }
    fillLabel(labelPool[slot], rows[first + slot], first + slot);
  }
  for (let slot = Math.max(last - first + 1, 0); slot < labelPool.length; slot++) labelPool[slot].hidden = true;
}

function fillLabel(made, row, index) {
  made.hidden = false;
  made.dataset.row = index;
  made.style.top = `${topOf(index)}px`;
  made.className = `label ${row.type}${index === page.row ? " current" : ""}`;
  made.title = row.label;
  if (row.type !== "group") {
    made.textContent = row.type === "set" ? "set" : row.label;
    made.removeAttribute("aria-expanded");
    return;
  }
  made.replaceChildren(`${row.open ? "▾" : "▸"} ${row.label} `, element("small", `${row.group.pods.length} pods`));
  made.setAttribute("aria-expanded", String(row.open));
}
