// What the page does by itself: it says how the feed is, keeps ages going, fades what has changed, and shows where
// sliders stand. The news themselves come through htmx and its hx-sse extension.

const feed = document.getElementById("feed");
const clock = { offset: feed ? Number(feed.dataset.now) - Date.now() : 0 };
const now = () => Date.now() + clock.offset;

// --- the feed's dot ------------------------------------------------------------------------------------------------------

const BEAT = 15000;
let heard = 0;
let retry = 0;
let isOut = false;

function showFeed(state, words) {
  const text = feed.querySelector("[data-feed]");
  feed.querySelector(".dot").className = state === "live" ? "dot ok" : "dot";
  feed.dataset.state = state;
  // A status line that is written anew is read out anew.
  if (text.textContent !== words) text.textContent = words;
}

const timeOf = (ms) => window.zone.text(Math.floor(ms / 1000)).slice(11);

function alive() {
  heard = now();
  retry = 0;
  isOut = false;
  showFeed("live", "feed live");
}

function lost() {
  const goesOn = isOut ? "logged out; reload the page to log in" : "reconnecting";
  showFeed("reconnecting", heard ? `feed stale since ${timeOf(heard)}, ${goesOn}` : "feed connecting");
}

function again() {
  // The extension reconnects what was open once; a feed that never opened is asked for again here.
  if (feed._htmx?.sse) return;
  retry = Math.min(5000, (retry || 250) * 2);
  setTimeout(() => !feed._htmx?.sse && feed.dispatchEvent(new Event("feed:retry")), retry);
}

if (feed) {
  // The connection may have been made while this script was still on its way.
  if (feed._htmx?.sse) alive();
  else showFeed("connecting", "feed connecting");
  feed.addEventListener("htmx:sse:after:connection", alive);
  feed.addEventListener("htmx:sse:after:message", alive);
  feed.addEventListener("beat", (event) => {
    clock.offset = Number(event.detail.data) - Date.now();
    alive();
  });
  // Before the first connection of all, nothing has been lost.
  feed.addEventListener("htmx:sse:before:connection", () => heard && lost());
  feed.addEventListener("htmx:sse:error", ({ detail }) => {
    isOut = detail.status === 401;
    lost();
  });
  for (const name of ["htmx:sse:close", "htmx:error", "htmx:response:error"]) {
    feed.addEventListener(name, () => {
      lost();
      again();
    });
  }
}

// --- what ticks ----------------------------------------------------------------------------------------------------------

const UNITS = [[86400000, "d"], [3600000, "h"], [60000, "min"]];

function age(ms) {
  for (const [length, unit] of UNITS) if (ms >= length) return `${Math.floor(ms / length)} ${unit}`;
  return `${Math.max(0, Math.floor(ms / 1000))} s`;
}

function duration(ms) {
  if (ms < 60000) return `${Math.max(0, Math.floor(ms / 1000))} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min`;
  const minutes = String(Math.floor((ms % 3600000) / 60000)).padStart(2, "0");
  if (ms < 86400000) return `${Math.floor(ms / 3600000)} h ${minutes} min`;
  return `${Math.floor(ms / 86400000)} d ${Math.floor((ms % 86400000) / 3600000)} h`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function tick() {
  for (const element of document.querySelectorAll("time[data-age]")) {
    const old = now() - Number(element.dataset.age);
    write(element, age(old));
    element.parentElement.querySelector("[data-dot]")?.classList.toggle("ok", old < 20000);
  }
  for (const element of document.querySelectorAll("time[data-since]")) write(element, duration(now() - Number(element.dataset.since)));
  // A connection may be dead without anybody having said so; the heartbeat tells.
  if (feed && feed.dataset.state === "live" && heard && now() - heard > 3 * BEAT && !document.hidden) {
    showFeed("stale", `feed stale since ${timeOf(heard)}`);
  }
}

setInterval(tick, 1000);
tick();

// --- what has changed fades once -----------------------------------------------------------------------------------------

const calm = matchMedia("(prefers-reduced-motion: reduce)");

function fade(element) {
  if (calm.matches) return;
  element.classList.remove("changed");
  // Reading a size makes the browser forget the animation that ran before.
  void element.offsetWidth;
  element.classList.add("changed");
}

document.addEventListener("animationend", (event) => event.animationName === "changed" && event.target.classList.remove("changed"));

new MutationObserver((records) => {
  const changed = new Set();
  for (const record of records) {
    if (record.type === "characterData") {
      const cell = record.target.parentElement?.closest("[data-live]");
      if (cell && record.oldValue !== record.target.data) changed.add(cell);
    }
    for (const node of record.addedNodes) if (node.nodeType === 1 && node.hasAttribute("data-row")) changed.add(node);
  }
  changed.forEach(fade);
}).observe(document.getElementById("main"), { subtree: true, childList: true, characterData: true, characterDataOldValue: true });

// --- forms ---------------------------------------------------------------------------------------------------------------

document.addEventListener("input", (event) => {
  if (event.target.type === "range") write(event.target.closest("label").querySelector("output"), event.target.value);
});

document.addEventListener("change", (event) => {
  event.target.closest("form[data-auto]")?.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-auto]");
  if (!form) return;
  // What is left empty need not stand in the address.
  for (const field of form.elements) if (field.value === "") field.disabled = true;
});
addEventListener("pageshow", () => {
  for (const field of document.querySelectorAll("form[data-auto] :disabled")) field.disabled = false;
});

// --- what is copied --------------------------------------------------------------------------------------------------------

// A browser keeps its clipboard from a page that came over plain HTTP from another machine.
if (navigator.clipboard) document.documentElement.dataset.copies = "";
const told = document.getElementById("told");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    tell("The browser did not let it be copied; the text can be selected.");
    return;
  }
  button.classList.add("done");
  write(told, button.getAttribute("aria-label").replace(/^Copy /, "Copied "));
  setTimeout(() => {
    button.classList.remove("done");
    // A region that says the same as before says nothing.
    write(told, "");
  }, 1200);
});

// --- what is sent twice is done once -------------------------------------------------------------------------------------

// A form that comes over the feed is drawn once for all who look at it, so that its key has to be drawn here.
function drawKeys() {
  for (const field of document.querySelectorAll("input[name=idempotency_key]")) {
    if (field.value) continue;
    field.value = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

document.addEventListener("htmx:after:swap", drawKeys);

// --- what the feed has overtaken -----------------------------------------------------------------------------------------

// An answer shows a block as it was when the server drew it. Where the feed has brought the block meanwhile, the answer may be
// the older of the two, and the feed says nothing twice: what it had brought would be gone for good. So it is drawn once more.
// Where it has brought a part of the block, that part alone is.
const overtaken = new Map();

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement !== feed) overtaken.set(ctx, { whole: false, parts: new Set() });
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => overtaken.delete(ctx));
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.response?.status === 422) return;
  for (const id of overtaken.get(ctx)?.parts ?? []) {
    const part = document.getElementById(id);
    if (part) htmx.ajax("GET", addressOf(part), { source: part, target: part, swap: "innerMorph" });
  }
});

function overtake({ target }) {
  for (const [other, by] of overtaken) {
    if (other.target === target) by.whole = true;
    else if (other.target?.contains?.(target)) by.parts.add(target.id);
  }
  // What was said of a press stood in this part, and it says by itself how long that holds.
  for (let around = target.parentElement; around; around = around.parentElement) answered.delete(around);
}

// Where a block is answered alone, as the page's address asks for it.
function addressOf(block) {
  const { searchParams: asked } = new URL(feed.getAttribute("hx-sse:connect"), location.href);
  const page = asked.get("page");
  for (const name of ["page", "after", "prices"]) asked.delete(name);
  return `/paper-trading/${page}/${block.id}?${asked}`;
}

// What was said of a press can be read for a while, whatever the feed brings meanwhile; what went wrong since then wins.
const READABLE_MS = 10_000;
const answered = new WeakMap();

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (ctx.sourceElement === feed || !(ctx.target instanceof Element)) return;
  answered.set(ctx.target, { said: ctx.target.querySelector(".said")?.cloneNode(true), at: performance.now() });
});

function keepSaid({ target, fragment }) {
  const { said, at } = answered.get(target) ?? {};
  const left = READABLE_MS - (performance.now() - at);
  if (!said || left < 0 || fragment.querySelector(".said.bad")) return;
  if ([...fragment.querySelectorAll(".said")].some((other) => other.textContent === said.textContent)) return;
  fragment.append(said.cloneNode(true));
  // The block does not say it any more: it stays for as long as it takes to read it, also where nothing new comes meanwhile.
  setTimeout(() => {
    if (answered.get(target)?.at !== at) return;
    answered.delete(target);
    for (const old of target.querySelectorAll(".said")) if (old.textContent === said.textContent) old.remove();
  }, left);
}

document.addEventListener("htmx:before:swap", async (event) => {
  const { ctx, tasks } = event.detail;
  if (ctx.sourceElement === feed) {
    for (const task of tasks) keepSaid(task);
    tasks.forEach(overtake);
    return;
  }
  // A form that is refused goes back as it was filled in, whatever the feed has brought; what is for another place goes there.
  if (!overtaken.get(ctx)?.whole || ctx.response.status === 422 || ctx.hx.retarget) return;
  event.preventDefault();
  const block = ctx.target;
  const said = tasks[0]?.fragment.querySelector(".said");
  const address = ctx.request.method === "GET" ? ctx.request.action : addressOf(block);
  await htmx.ajax("GET", address, { source: block, target: block, swap: ctx.swap });
  if (!said || block.querySelector(".said")) return;
  block.append(said);
  if (document.activeElement === document.body) said.focus();
});

// --- how requests end ----------------------------------------------------------------------------------------------------

const notice = document.getElementById("notice");

function tell(words) {
  if (notice) write(notice, words);
}

document.addEventListener("htmx:before:request", (event) => event.target !== feed && tell(""));
document.addEventListener("htmx:response:error", (event) => {
  const { hx, response } = event.detail.ctx;
  // Refusals come back in the block itself, beside what they are about; others bring the notice its sentence.
  if (event.target === feed || hx.retarget || [404, 409, 422].includes(response.status)) return;
  tell(`That did not work: the server answered ${response.status}.`);
});
document.addEventListener("htmx:error", (event) => event.target !== feed && tell("That did not work: the server could not be reached."));
document.addEventListener("htmx:after:swap", (event) => {
  // Whoever pressed a button that is gone now is led to what came of it.
  if (event.target !== feed && document.activeElement === document.body) event.target.querySelector?.(".said")?.focus();
});
