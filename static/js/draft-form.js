// <draft-form>: keeps each picture as soon as it is there, and puts the server's answer into the
// page part by part. What it does is what the plain form's buttons do, without another page.

const PARTS = { headers: { "X-Parts": "1" } };
const SLOT = "application/x-slot";

class DraftForm extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.sending = new Map();
    // When each slot got what it shows: an answer that was asked for before is old news to it.
    this.clock = 0;
    this.settled = new Map();
    this.turn = Promise.resolve();
    this.addEventListener("picture", ({ target, detail }) => this.send(target, detail));
    this.addEventListener("cancel", ({ target }) => this.cancel(target));
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.elements.name.addEventListener("change", () => this.press("keep"));
    document.addEventListener("dragstart", (event) => this.drag(event));
    document.addEventListener("dragover", (event) => this.hover(event));
    document.addEventListener("drop", (event) => this.drop(event));
    document.addEventListener("paste", (event) => this.paste(event));
    for (const slot of this.slots) slot.choose?.();
    addEventListener("online", () => this.retry());
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

  // Nothing is under way any more. Answers that crossed each other may have told old news.
  settle() {
    if (this.sending.size || this.linking) return;
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
    // A link that is on its way already is not asked for twice.
    const link = !this.linking && this.form.elements.link.value.trim() && "link";
    const what = button?.name === "do" ? button.value : link;
    if (!what) this.retry();
    if (!what && !this.sending.size && !this.linking) return;
    event.preventDefault();
    if (what) {
      this.press(what, button ?? this.form.elements.link);
    } else {
      // What the button asks for happens as soon as the pictures are there.
      this.wanted = button;
      this.announce(this.dataset.waiting);
    }
  }

  // One after the other, for each answer shows all that came before. Without a button: unasked.
  press(what, button) {
    this.turn = this.turn.then(() => this.ask(what, button));
  }

  async ask(what, button) {
    this.linking = /^(link|hand)/.test(what);
    await this.renew();
    const asked = ++this.clock;
    const answer = await this.fetch({ ...PARTS, method: "POST", body: this.fields(what) });
    if (answer) this.show(answer, asked, what, button);
    this.linking = false;
    if (this.wanted || this.crossed) this.settle();
  }

  show(answer, asked, what, button) {
    this.put(answer, asked, (part) => part !== "link" || this.linking);
    const wrong = this.linking && this.querySelector("[data-part=link] .error")?.textContent;
    if (this.linking && !wrong) this.form.elements.link.value = "";
    if (what.startsWith("name")) this.form.elements.name.value = answer.dataset.name;
    // What is wrong with the link has to be seen before anything is sent.
    if (wrong) this.wanted = null;
    if (!button) return;
    this.announce(wrong || answer.dataset.said);
    if (!button.isConnected) this.focusAfter(...what.split(" "));
  }

  // Where the picture is now, on the same button if it is there.
  focusAfter(verb, from, to) {
    const number = to ?? Number(from) + ({ earlier: -1, later: 1 }[verb] ?? 0);
    const slot = this.slotAt(number);
    const { link, name } = this.form.elements;
    const choices = [
      slot?.querySelector(`[value="${verb} ${number}"]`),
      slot?.querySelector("[value^=earlier], [value^=later]"),
      slot?.input,
      verb === "name" ? name : link,
    ];
    choices.find(Boolean).focus();
  }

  // Signing in again gives forms another token; without it they would be turned away.
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
    if (!/^(link|hand)/.test(what)) body.delete("link");
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
    // It was sent from another tab, or its person is signed out.
    if (status === 200 && /\/styles\/[-\w]{36}\/$/.test(url)) location.assign(url);
    this.stale = true;
    return this.problem([200, 403].includes(status) ? this.dataset.signedOut : this.dataset.lost);
  }

  put(answer, asked, wanted) {
    const problem = answer.querySelector("[data-problem]")?.textContent;
    if (problem || !this.lasting) this.problem(problem);
    const { editUrl } = answer.dataset;
    if (editUrl && !this.dataset.editUrl) {
      // From here on the page has an address that brings the draft back.
      this.dataset.editUrl = editUrl;
      history.replaceState(null, "", editUrl);
    }
    for (const fresh of answer.querySelectorAll("[data-part]")) {
      const old = document.querySelector(`[data-part="${fresh.dataset.part}"]`);
      const isOld = asked < this.settled.get(fresh.dataset.slot);
      this.crossed ||= isOld && wanted(fresh.dataset.part);
      // What is the same stays: its input may have a file dialog open, or the focus.
      const stays = isOld || old.busy || old.failed || old.isEqualNode(fresh);
      if (wanted(fresh.dataset.part) && !stays) old.replaceWith(fresh);
    }
  }

  announce(text) {
    this.querySelector("[data-announce]").textContent = text ?? "";
  }

  // One that lasts stays until the next pictures come, whatever the server says meanwhile.
  problem(text = "", lasting = false) {
    this.lasting = lasting;
    const line = this.querySelector(":scope > [data-problem]");
    line.textContent = text;
    line.hidden = !text;
    return null;
  }

  // Dropping and pasting

  drag({ target, dataTransfer }) {
    const slot = target.closest?.("image-slot");
    if (slot) dataTransfer.setData(SLOT, slot.number);
  }

  // Anywhere on the page, or the browser would leave it for the picture.
  hover(event) {
    event.preventDefault();
    this.toggleAttribute("data-hover", event.dataTransfer.types.includes("Files"));
  }

  drop(event) {
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
    const typing = /^(input|textarea)$/i.test(event.target.localName ?? "") && event.target.type !== "file";
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
      this.leaveOut(files.slice(free.length));
    } else if (/^https?:\/\//.test(link)) {
      field.value = link.split("\n")[0].trim();
      this.press(dropped && !dropped.filled ? `link ${dropped.number}` : "link", field);
    }
  }

  leaveOut(files) {
    const names = files.map(({ name }) => name).join(", ");
    const words = this.dataset[files.length === 1 ? "leftOutOne" : "leftOut"];
    this.problem(files.length ? words.replace("#", names) : "", true);
  }
}

customElements.define("draft-form", DraftForm);
