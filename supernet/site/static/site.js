// Initialises sortable tables and plots when they first become visible, because hidden elements have no width.
"use strict";

const ROWS = 50; // larger tables get pages and a search box

async function sortable(table) {
  if (table.dataset.ready) return;
  table.dataset.ready = "yes";
  const DataTable = (await window.tables).default;
  const many = table.tBodies[0].rows.length > ROWS;
  new DataTable(table, {
    order: [],
    paging: many,
    pageLength: ROWS,
    searching: many,
    info: many,
    lengthChange: false,
    autoWidth: false,
    layout: { topStart: many ? "search" : null, topEnd: null, bottomStart: many ? "info" : null, bottomEnd: many ? "paging" : null },
    language: { emptyTable: "No rows." },
  });
}

function drawn(place) {
  if (place.dataset.ready) return;
  place.dataset.ready = "yes";
  const figure = JSON.parse(place.querySelector("script").textContent);
  const options = { responsive: true, displaylogo: false };
  const layout = { ...figure.layout, font: { family: "system-ui, sans-serif", color: "#1b1b1b" } };
  window.Plotly.newPlot(place, figure.data, layout, options).then(() => {
    place.on("plotly_click", (event) => {
      const address = event.points[0].customdata;
      if (address) window.location.href = address;
    });
  });
}

function shown(part) {
  for (const table of part.querySelectorAll("table.sortable, .printed table")) {
    const closed = table.closest("details:not([open])");
    if (!closed) sortable(table);
  }
  for (const place of part.querySelectorAll(".plot")) {
    if (!place.closest("details:not([open])")) drawn(place);
  }
}

for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => details.open && shown(details));
}
shown(document);
