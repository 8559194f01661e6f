// <image-slot>: shows its picture on the way: preview, progress, Cancel, Try again.
// It sends nothing itself: it says "picture" or "cancel" to <draft-form>.

class ImageSlot extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input[type=file]");
    this.bar = this.querySelector("progress");
    this.info = this.querySelector("[data-info]");
    this.input.addEventListener("change", () => this.choose());
    this.on("cancel", () => this.ask("cancel"));
    this.on("retry", () => this.ask("picture", this.file));
    // Chosen before this ran, or refilled by the browser when the page was gone back to.
    this.choose();
  }

  get number() {
    return this.dataset.slot;
  }

  get filled() {
    return this.hasAttribute("data-filled");
  }

  get failed() {
    return this.hasAttribute("data-failed");
  }

  get busy() {
    return this.hasAttribute("data-busy");
  }

  on(name, act) {
    this.querySelector(`[data-${name}]`).addEventListener("click", act);
  }

  ask(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { bubbles: true, detail }));
  }

  choose() {
    const file = this.input.files[0];
    // As long as nobody listens it stays, and goes with the form.
    if (!file || !this.closest("draft-form:defined")) return;
    // Kept here and sent at once, it need not go a second time with the form.
    this.input.value = "";
    this.ask("picture", file);
  }

  start(file) {
    if (!this.busy && !this.failed) this.pristine = this.cloneNode(true);
    this.file = file;
    this.mark("data-busy");
    this.say("");
    this.preview(file);
    this.bar.hidden = false;
    this.show("cancel");
    this.progress(0);
  }

  // Once all of it has left, the server still has to look at it.
  progress(part) {
    const { arriving, checking } = this.dataset;
    this.bar.value = part * 100;
    this.tell(part < 1 ? arriving.replace("#", Math.floor(part * 100)) : checking);
  }

  fail(why) {
    this.mark("data-failed");
    this.bar.hidden = true;
    this.info.textContent = this.file.name;
    this.say(this.dataset[why]);
    this.show("retry", "cancel");
  }

  // As it was before a picture was chosen; returns what stands in its place.
  undo() {
    this.replaceWith(this.pristine);
    return this.pristine;
  }

  mark(name) {
    for (const each of ["data-busy", "data-failed"]) this.toggleAttribute(each, each === name);
  }

  tell(words) {
    this.info.textContent = `${this.file.name} · ${words}`;
  }

  say(text) {
    const id = `${this.input.id}_error`;
    const line = Object.assign(document.createElement("p"), { id, className: "error", textContent: text });
    this.querySelector("[data-error]").replaceChildren(...(text ? [line] : []));
    if (text) this.input.setAttribute("aria-describedby", id);
    else this.input.removeAttribute("aria-describedby");
    this.classList.toggle("wrong", Boolean(text));
  }

  show(...names) {
    for (const each of this.querySelectorAll(".slot-actions > *")) {
      each.hidden = !names.some((name) => each.hasAttribute(`data-${name}`));
    }
  }

  preview(file) {
    const picture = Object.assign(new Image(), { alt: this.dataset.alt });
    picture.src = URL.createObjectURL(file);
    // Not every browser can show what the server can read: then the name has to do.
    picture.addEventListener("error", () => picture.remove());
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
    this.querySelectorAll(".frame img").forEach((old) => old.remove());
    this.bar.before(picture);
    this.toggleAttribute("data-filled", true);
  }
}

customElements.define("image-slot", ImageSlot);
