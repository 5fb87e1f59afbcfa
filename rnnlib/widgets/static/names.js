// Names for who cannot see them: ipywidgets shows the name of a slider, but does not tell it to a screen reader.

function nameControls(view) {
  for (const control of view.querySelectorAll(".widget-slider .noUi-handle, input[title], select[title]")) {
    const name = control.closest(".widget-inline-hbox").querySelector(".widget-label")?.textContent || control.title;
    if (name && control.getAttribute("aria-label") !== name) control.setAttribute("aria-label", name);
  }
}
