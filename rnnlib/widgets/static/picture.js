// A picture; round places in it can be clicked: x and y are in dots of the picture, whatever its size in the page.

const RADIUS = 27;

export default {
  render({ model, el }) {
    const picture = el.appendChild(document.createElement("img"));
    picture.style.maxWidth = "100%";
    picture.alt = "";                        // what it shows is said in words below it
    const show = () => {
      URL.revokeObjectURL(picture.src);
      picture.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    };
    const placeOf = event => {               // there may be room beside it, or above and below: object-fit: contain
      const { naturalWidth: width, naturalHeight: height, clientWidth: across, clientHeight: down } = picture;
      const scale = Math.max(width / across, height / down);
      const at = [event.offsetX * scale - (across * scale - width) / 2, event.offsetY * scale - (down * scale - height) / 2];
      return model.get("places").findIndex(([x, y]) => Math.hypot(x - at[0], y - at[1]) <= RADIUS);
    };
    picture.addEventListener("mousemove", event => {
      picture.style.cursor = placeOf(event) < 0 ? "default" : "pointer";
    });
    picture.addEventListener("click", event => {
      const place = placeOf(event);
      if (place >= 0) model.send({ clicked: place });
    });
    const knobs = new MutationObserver(() => nameControls(el.closest(".knob-view")));
    let ended = false;
    const whenOnThePage = () => {
      const view = el.closest(".knob-view");
      if (!view && !ended) { requestAnimationFrame(whenOnThePage); return; }
      if (view) { nameControls(view); knobs.observe(view, { childList: true, subtree: true }); }
    };
    whenOnThePage();
    model.on("change:value", show);
    show();
    return () => { ended = true; knobs.disconnect(); model.off("change:value", show); URL.revokeObjectURL(picture.src); };
  },
};
