// <live-region src every>: fetches its fragment again and changes what differs, until the fragment
// says that it has settled. What is focused, selected or opened stays so, for it is not replaced.

const SLOWEST = 60;
const CALM = 10;
const TOKENS = /name="csrfmiddlewaretoken" value="\w+"/g;

class LiveRegion extends HTMLElement {
  connectedCallback() {
    this.fragment = this.firstElementChild;
    this.every = Number(this.getAttribute("every")) || 2;
    this.wait = this.every;
    this.failures = 0;
    this.onVisible = () => document.hidden || this.soon(0);
    document.addEventListener("visibilitychange", this.onVisible);
    this.soon(this.wait);
  }

  disconnectedCallback() {
    this.stop();
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
  }

  soon(seconds) {
    clearTimeout(this.timer);
    if (this.fragment.hasAttribute("data-settled")) return this.stop();
    if (this.stopped || document.hidden) return undefined;
    this.timer = setTimeout(() => this.look(), seconds * 1000);
    return undefined;
  }

  async look() {
    try {
      const answer = await fetch(this.getAttribute("src"), { headers: { Accept: "text/html" } });
      if (answer.redirected) return this.lose("signedOut");
      if ([403, 404, 410].includes(answer.status)) return this.lose("gone");
      if (!answer.ok) throw new Error(answer.status);
      this.wait = this.take(await answer.text()) ? this.every : Math.min(this.wait + 1, CALM);
      this.failures = 0;
    } catch {
      this.wait = Math.min(this.wait * 2, SLOWEST);
      this.failures += 1;
      if (this.failures > 2) this.tell("away");
    }
    return this.soon(this.wait);
  }

  // Returns whether anything was new; every answer has form tokens of its own, which are not news.
  take(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    if (!fresh?.hasAttribute("data-style-state")) throw new Error("not the fragment");
    this.tell();
    const plain = html.replace(TOKENS, "");
    if (plain === this.last) return false;
    this.last = plain;
    const before = this.fragment.dataset.styleState;
    patch(this.fragment, fresh);
    const { label, title, styleState, pikzelsId } = this.fragment.dataset;
    document.title = title;
    const main = this.closest("main");
    main.dataset.styleState = styleState;
    if (pikzelsId) main.dataset.pikzelsId = pikzelsId;
    else delete main.dataset.pikzelsId;
    // Only a new state is worth a listener's attention, not each per cent of one.
    if (styleState !== before) this.querySelector("[data-announce]").textContent = label;
    return true;
  }

  lose(why) {
    this.tell(why);
    this.stop();
  }

  tell(why) {
    const lost = this.querySelector("[data-lost]");
    lost.textContent = why ? this.dataset[why] : "";
    lost.hidden = !why;
  }
}

function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = fresh.nodeValue;
    return;
  }
  const names = old.localName === "time" ? ["datetime"] : old.getAttributeNames();
  const same = names.every((name) => old.getAttribute(name) === fresh.getAttribute(name));
  // A time in the reader's zone and an element with a life of its own differ without being stale.
  if (same && (old.localName === "time" || old.localName.includes("-"))) return;
  patchAttributes(old, fresh);
  patchChildren(old, fresh);
}

function patchAttributes(old, fresh) {
  for (const name of old.getAttributeNames()) {
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
}

function patchChildren(old, fresh) {
  let at = old.firstChild;
  for (const child of fresh.childNodes) {
    let match = at;
    if (child.nodeType === Node.ELEMENT_NODE) {
      while (match && !alike(match, child)) match = match.nextSibling;
    } else if (at && !alike(at, child)) {
      match = null;
    }
    if (match) {
      at = removeUpTo(at, match);
      patch(match, child);
      at = match.nextSibling;
    } else {
      old.insertBefore(document.importNode(child, true), at);
    }
  }
  removeUpTo(at, null);
}

function alike(one, other) {
  return one.nodeName === other.nodeName && one.className === other.className;
}

function removeUpTo(node, end) {
  while (node !== end) {
    const next = node.nextSibling;
    node.remove();
    node = next;
  }
  return end;
}

customElements.define("live-region", LiveRegion);
