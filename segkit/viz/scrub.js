(function () {
  // Every fragment carries this script; whichever runs first wakes all sliders that are on the page by then.
  document.querySelectorAll(".segkit-scrub:not([data-awake])").forEach(function (root) {
    var data = JSON.parse(root.querySelector('script[type="application/json"]').textContent);
    var image = root.querySelector("img");
    var caption = root.querySelector("p");
    var inputs = Array.from(root.querySelectorAll("input"));
    var outputs = Array.from(root.querySelectorAll("output"));
    function show() {
      var flat = 0;
      inputs.forEach(function (input, i) {
        var label = data.labels[i][+input.value];
        flat = flat * data.labels[i].length + +input.value;
        outputs[i].textContent = label;
        input.setAttribute("aria-valuetext", label);
      });
      image.src = data.frames[flat];
      image.alt = data.alts[flat];
      caption.textContent = data.captions[flat];
    }
    inputs.forEach(function (input, i) {
      input.value = data.start[i]; // a browser that reloads the page would restore the last position of the slider alone
      input.addEventListener("input", show);
      input.parentNode.hidden = false;
    });
    root.setAttribute("data-awake", "");
    show();
  });
})();
