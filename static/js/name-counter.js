// <name-counter data-max>: how many characters are left, seen at once, heard when typing pauses.
// It cuts nothing off: what is too long is told, and stays for its author to shorten.

class NameCounter extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("input,textarea");
    this.field.removeAttribute("maxlength");
    this.addEventListener("input", () => this.count());
    this.count(false);
  }

  count(aloud = true) {
    const name = this.field.value.trim().replace(/\s+/gu, " ");
    const left = this.dataset.max - name.length;
    const kind = left < 0 ? "over" : "left";
    const text = this.dataset[Math.abs(left) === 1 ? `${kind}One` : kind];
    const shown = this.querySelector(".count");
    shown.textContent = text.replace("#", Math.abs(left));
    shown.toggleAttribute("data-over", left < 0);
    clearTimeout(this.pause);
    if (!aloud) return;
    this.pause = setTimeout(() => {
      this.querySelector("[role=status]").textContent = shown.textContent;
    }, 1000);
  }
}

customElements.define("name-counter", NameCounter);
