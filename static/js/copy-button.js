// <copy-button value="…">: copies its value and says so, once, politely.

class CopyButton extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", () => this.copy());
  }

  async copy() {
    const label = this.querySelector("button").firstChild;
    const copied = await put(this.getAttribute("value"));
    this.label ??= label.nodeValue;
    label.nodeValue = copied ? this.dataset.done : this.dataset.failed;
    this.querySelector("[role=status]").textContent = label.nodeValue;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      label.nodeValue = this.label;
      this.querySelector("[role=status]").textContent = "";
    }, 2500);
  }
}

async function put(text) {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Plain http on a local network has no clipboard API.
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}

customElements.define("copy-button", CopyButton);
