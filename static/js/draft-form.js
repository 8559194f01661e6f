// <draft-form>: keeps each picture as soon as it is there, and puts the answers into the page part
// by part. What it does is what the plain form's buttons do.

const PARTS = { headers: { "X-Parts": "1" } };
const SLOT = "application/x-slot";

class DraftForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.sending = new Map();
    // When each slot got what it shows: what was asked for before is old news to it.
    this.clock = 0;
    this.settled = new Map();
    this.turn = Promise.resolve();
    this.waiting = [];
    this.linking = 0;
    // So that a reload sends nothing once more.
    history.replaceState(null, "", this.dataset.editUrl ?? location.href);
    this.addEventListener("picture", ({ target, detail }) => this.send(target, detail));
    this.addEventListener("cancel", ({ target }) => this.cancel(target));
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.elements.name.addEventListener("change", () => this.press("keep"));
    for (const kind of ["dragstart", "dragover", "dragleave", "drop", "paste"]) {
      document.addEventListener(kind, (event) => this[kind](event));
    }
    for (const slot of this.slots) slot.choose?.();
    addEventListener("online", () => this.press("keep") ?? this.retry());
    addEventListener("beforeunload", (event) => this.sending.size && event.preventDefault());
  }

  get slots() {
    return [...this.querySelectorAll("image-slot")];
  }

  slotAt(number) {
    return this.querySelector(`image-slot[data-slot="${number}"]`);
  }

  // A picture on its way

  async send(slot, file) {
    this.sending.get(slot.number)?.abort();
    slot.start(file);
    const asked = ++this.clock;
    const request = new XMLHttpRequest();
    this.crossed ||= this.sending.size > 0;
    this.sending.set(slot.number, request);
    await this.renew();
    const body = this.fields("keep");
    body.set(slot.input.name, file);
    request.open("POST", location.href);
    request.setRequestHeader("X-Parts", "1");
    request.upload.onprogress = ({ loaded, total }) => slot.progress(loaded / total);
    request.onload = () => this.arrived(slot, request, asked);
    request.onerror = () => this.failed(slot, "lost");
    request.send(body);
  }

  arrived(slot, { responseURL, status, responseText }, asked) {
    const answer = this.read(responseURL, status, responseText);
    if (!answer) return this.failed(slot, "refused");
    if (answer.querySelector("[data-problem]")) {
      this.put(answer, asked, (part) => !part.startsWith("slot"));
      return this.failed(slot, "refused");
    }
    this.sending.delete(slot.number);
    const focused = slot.contains(document.activeElement);
    slot.mark("");
    this.settled.delete(slot.number);
    this.put(answer, asked, (part) => part === slot.dataset.part || !part.startsWith("slot"));
    this.settled.set(slot.number, ++this.clock);
    const fresh = this.slotAt(slot.number);
    if (focused) fresh.input.focus();
    this.announce(fresh.querySelector(".error")?.textContent ?? slot.dataset.kept);
    return this.settle();
  }

  failed(slot, why) {
    this.sending.delete(slot.number);
    slot.fail(why);
    this.announce(slot.dataset[why]);
    this.settle();
  }

  cancel(slot) {
    this.sending.get(slot.number)?.abort();
    this.sending.delete(slot.number);
    slot.undo().input.focus();
    this.settle();
  }

  retry() {
    for (const slot of this.slots) if (slot.failed) this.send(slot, slot.file);
  }

  // Nothing is under way. Answers that crossed may have told old news.
  settle() {
    if (this.sending.size) return;
    for (const go of this.waiting.splice(0)) go();
    if (this.linking) return;
    const wanted = this.wanted;
    this.wanted = null;
    if (wanted && this.slots.some((slot) => slot.failed)) this.announce(this.dataset.failed);
    else if (wanted) this.form.requestSubmit(wanted);
    else if (this.crossed && this.dataset.editUrl) this.turn = this.turn.then(() => this.refresh());
    this.crossed = false;
  }

  // Buttons

  submit(event) {
    const button = event.submitter;
    // Enter in the link's field never sends the form, however often.
    const entered = document.activeElement === this.form.elements.link;
    if (this.linking && entered) return event.preventDefault();
    const typed = !this.linking && this.form.elements.link.value.trim();
    const link = (entered || typed) && "link";
    const what = button?.name === "do" ? button.value : link;
    if (!what) this.retry();
    if (!what && !this.sending.size && !this.linking) return;
    event.preventDefault();
    if (what) {
      this.press(what, button?.name === "do" ? button : this.form.elements.link);
    } else {
      // As soon as the pictures are there.
      this.wanted = button;
      this.problem(this.dataset.waiting);
    }
  }

  // One after the other. Without a button: unasked.
  press(what, button) {
    this.linking += isLink(what);
    this.turn = this.turn.then(() => this.calm(what)).then(() => this.ask(what, button));
  }

  // A picture lands in the slot it was sent to: nothing changes places meanwhile.
  calm(what) {
    const busy = this.sending.size && !/^(keep|name|link|hand)/.test(what);
    return busy && new Promise((go) => this.waiting.push(go));
  }

  async ask(what, button) {
    await this.renew();
    const asked = ++this.clock;
    const answer = await this.fetch({ ...PARTS, method: "POST", body: this.fields(what) });
    if (answer) this.show(answer, asked, what, button);
    this.linking -= isLink(what);
    if (this.wanted || this.crossed) this.settle();
  }

  show(answer, asked, what, button) {
    const linked = isLink(what);
    this.put(answer, asked, (part) => part !== "link" || linked);
    const wrong = linked && this.errorIn("link");
    if (linked && !wrong) this.form.elements.link.value = "";
    if (what.startsWith("name")) this.form.elements.name.value = answer.dataset.name;
    if (wrong) this.wanted = null;
    if (!button) return this.announce(this.errorIn("name-remarks"));
    this.announce(wrong || answer.dataset.said);
    const lost = document.activeElement === document.body;
    if (lost && !button.isConnected) this.focusAfter(...what.split(" "));
  }

  // Where the picture is now, on the same button if it is there.
  focusAfter(verb, from, to) {
    const number = to ?? Number(from) + ({ earlier: -1, later: 1 }[verb] ?? 0);
    const slot = verb === "name" ? null : this.slotAt(number);
    const { link, name } = this.form.elements;
    const choices = [
      slot?.querySelector(`[value="${verb} ${number}"]`),
      slot?.querySelector("[value^=earlier], [value^=later]"),
      slot?.input,
      verb === "name" ? name : link,
    ];
    choices.find(Boolean).focus();
  }

  // Signing in again gives forms another token.
  async renew() {
    if (!this.stale) return;
    this.stale = false;
    await this.fetch(PARTS);
  }

  async refresh() {
    const asked = ++this.clock;
    const answer = await this.fetch(PARTS);
    if (answer) this.put(answer, asked, (part) => part !== "link");
  }

  // To and from the server

  fields(what) {
    const body = new FormData(this.form);
    for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
    if (!isLink(what)) body.delete("link");
    body.set("do", what);
    return body;
  }

  async fetch(options) {
    try {
      const answer = await fetch(location.href, options);
      return this.read(answer.url, answer.status, await answer.text());
    } catch {
      return this.problem(this.dataset.lost);
    }
  }

  read(url, status, html) {
    const answer = new DOMParser().parseFromString(html, "text/html").querySelector("[data-parts]");
    const token = answer?.querySelector("[name=csrfmiddlewaretoken]");
    if (token) this.form.elements.csrfmiddlewaretoken.value = token.value;
    if (answer) return answer;
    // Sent from another tab, or signed out.
    if (status === 200 && /\/styles\/[-\w]{36}\/$/.test(url)) location.assign(url);
    this.stale = true;
    const why = { 200: "signedOut", 403: "signedOut", 404: "gone" }[status] ?? "lost";
    return this.problem(this.dataset[why]);
  }

  put(answer, asked, wanted) {
    const problem = answer.querySelector("[data-problem]")?.textContent;
    if (problem || !this.lasting) this.problem(problem);
    const { editUrl } = answer.dataset;
    if (editUrl && !this.dataset.editUrl) {
      // An address that brings the draft back.
      this.dataset.editUrl = editUrl;
      history.replaceState(null, "", editUrl);
    }
    for (const fresh of answer.querySelectorAll("[data-part]")) {
      const old = document.querySelector(`[data-part="${fresh.dataset.part}"]`);
      const isOld = asked < this.settled.get(fresh.dataset.slot);
      this.crossed ||= isOld && wanted(fresh.dataset.part);
      // What is the same stays: its input may have a file dialog open, or the focus.
      const stays = isOld || old.busy || old.failed || old.isEqualNode(fresh);
      if (wanted(fresh.dataset.part) && !stays && !stillWrong(old, fresh)) old.replaceWith(fresh);
    }
    this.markName();
  }

  errorIn(part) {
    return this.querySelector(`[data-part=${part}] .error`)?.textContent ?? "";
  }

  markName() {
    const { name } = this.form.elements;
    const wrong = Boolean(this.errorIn("name-remarks"));
    name.closest(".field").classList.toggle("wrong", wrong);
    name.ariaInvalid = wrong || null;
  }

  announce(text) {
    this.querySelector("[data-announce]").textContent = text ?? "";
  }

  // One that lasts stays until the next pictures come.
  problem(text = "", lasting = false) {
    this.lasting = lasting;
    const line = this.querySelector(":scope > [data-problem]");
    line.textContent = text;
    line.hidden = !text;
    return null;
  }

  // Dropping and pasting

  dragstart({ target, dataTransfer }) {
    const slot = target.closest?.("image-slot");
    if (slot) dataTransfer.setData(SLOT, slot.number);
  }

  // Anywhere on the page, or the browser would leave it for the picture.
  dragover(event) {
    if (!isOurs(event)) return;
    event.preventDefault();
    this.toggleAttribute("data-hover", event.dataTransfer.types.includes("Files"));
  }

  // Out of the window.
  dragleave({ relatedTarget }) {
    if (!relatedTarget) this.toggleAttribute("data-hover", false);
  }

  drop(event) {
    if (!isOurs(event)) return;
    event.preventDefault();
    this.toggleAttribute("data-hover", false);
    const slot = event.target.closest?.("image-slot");
    const from = event.dataTransfer.getData(SLOT);
    if (from && slot && from !== slot.number) this.press(`swap ${from} ${slot.number}`, slot.input);
    else if (from) return;
    else this.take([...event.dataTransfer.files], event.dataTransfer.getData("text/uri-list"), slot);
  }

  paste(event) {
    const files = [...event.clipboardData.files];
    const typing = event.target.matches?.("input:not([type=file])");
    const text = typing ? "" : event.clipboardData.getData("text/plain");
    if (files.length || /^https?:\/\//.test(text)) event.preventDefault();
    this.take(files, text);
  }

  // Files go into the empty slots in order, the first one where it was dropped.
  take(files, link, dropped) {
    const { link: field } = this.form.elements;
    if (files.length) {
      const empty = this.slots.filter((slot) => !slot.filled && slot !== dropped);
      const free = [dropped, ...empty].filter(Boolean);
      files.slice(0, free.length).forEach((file, n) => this.send(free[n], file));
      const names = files.slice(free.length).map(({ name }) => name).join(", ");
      this.problem(names && this.dataset.leftOut.replace("#", names), true);
    } else if (/^https?:\/\//.test(link)) {
      field.value = link.split("\n")[0].trim();
      this.press(dropped && !dropped.filled ? `link ${dropped.number}` : "link", field);
    }
  }
}

const isLink = (what) => /^(link|hand)/.test(what);

// Text goes into fields.
const isOurs = ({ dataTransfer: { types } }) => types.some((type) => type !== "text/plain");

// What was wrong with a file is told until something else is in its slot.
function stillWrong(old, fresh) {
  if (!old.matches("image-slot") || !old.querySelector(".error")) return false;
  const [before, now] = [old, fresh].map((slot) => slot.querySelector("[name^=seen]").value);
  return !fresh.querySelector(".error") && before === now;
}

customElements.define("draft-form", DraftForm);
