// <image-slot>: shows the file that was chosen, before it is sent. The input stays the browser's.

class ImageSlot extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input[type=file]");
    this.info = this.querySelector("[data-info]");
    this.keptInfo = this.info.textContent;
    this.input.addEventListener("change", () => this.show(this.input.files[0]));
    this.querySelector("[data-clear]").addEventListener("click", () => this.clear());
    // A browser may refill the input when the page is gone back to.
    if (this.input.files[0]) this.show(this.input.files[0]);
  }

  show(file) {
    this.chosen?.remove();
    if (this.chosen) URL.revokeObjectURL(this.chosen.src);
    this.chosen = null;
    if (file) this.preview(file);
    this.kept?.toggleAttribute("hidden", Boolean(file));
    this.querySelector("[data-note]")?.toggleAttribute("hidden", Boolean(file));
    this.querySelector("[data-remove]")?.toggleAttribute("hidden", Boolean(file));
    this.querySelector("[data-clear]").toggleAttribute("hidden", !file);
    this.toggleAttribute("data-filled", Boolean(file || this.kept));
    if (!file) this.info.textContent = this.keptInfo;
  }

  get kept() {
    return this.querySelector("[data-kept]");
  }

  preview(file) {
    const about = [file.name, size(file.size)];
    this.info.textContent = about.join(" · ");
    this.chosen = new Image();
    this.chosen.alt = this.dataset.alt;
    this.chosen.addEventListener("load", ({ target }) => {
      about.splice(1, 0, `${target.naturalWidth}×${target.naturalHeight}`);
      this.info.textContent = about.join(" · ");
    });
    // Not every browser can show what the server can read: then the name has to do.
    this.chosen.addEventListener("error", ({ target }) => target.remove());
    this.chosen.src = URL.createObjectURL(file);
    this.querySelector(".frame").append(this.chosen);
  }

  clear() {
    this.input.value = "";
    this.show();
    this.input.focus();
  }
}

function size(bytes) {
  const kilo = bytes / 1024;
  return kilo < 1024 ? `${kilo.toFixed(1)} KB` : `${(kilo / 1024).toFixed(1)} MB`;
}

customElements.define("image-slot", ImageSlot);
