// The API key of this tab. It comes in by hand, or behind the # of the address that `siyu up` prints: what
// stands there is never sent to a server. It is kept until the tab is closed, and never written elsewhere.
"use strict";

const PLACE = "siyu.key";

function takeKeyFromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!found) return;
  sessionStorage.setItem(PLACE, found);
  history.replaceState(null, "", location.pathname);
}

function currentKey() {
  return sessionStorage.getItem(PLACE) || "";
}

function keepKey(key) {
  sessionStorage.setItem(PLACE, key);
  showKey();
}

function forgetKey() {
  sessionStorage.removeItem(PLACE);
  location.reload();
}

function showKey() {
  const shown = document.getElementById("key");
  shown.replaceChildren();
  const key = currentKey();
  if (!key) return;
  const name = document.createElement("code");
  name.textContent = `${key.slice(0, 9)}…${key.slice(-4)}`;
  const forget = document.createElement("button");
  forget.type = "button";
  forget.className = "quiet";
  const english = document.createElement("small");
  english.lang = "en";
  english.textContent = "Forget";
  forget.append("忘记 ", english);
  forget.addEventListener("click", forgetKey);
  shown.append(name, forget);
}

takeKeyFromAddress();
showKey();
