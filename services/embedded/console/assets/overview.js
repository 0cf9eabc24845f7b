// The overview: asks the operations API every few seconds. Whatever comes from there is put in as text.
"use strict";

const EVERY_MS = 5000;
const LATE_SECONDS = 60;
const REASONS = {
  unknown_type: ["没有服务认识该事件类型", "no handler knows this type"],
  undecodable: ["无法读懂的内容", "cannot be read"],
  process_died: ["处理它的进程多次崩溃", "the process died over it"],
  redriven: ["已重新投递，等待处理", "handed over again"],
};
const $ = (id) => document.getElementById(id);
const chosen = new Map();
let cursor = null;

function node(tag, className, ...inside) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...inside);
  return made;
}

function both(chinese, english) {
  const small = node("small", "", english);
  small.lang = "en";
  return node("span", "", chinese, " ", small);
}

function cell(label, className, ...inside) {
  const made = node("td", className, node("div", "", ...inside));
  if (label) made.dataset.label = label; // what a narrow screen shows in place of the header
  return made;
}

function age(seconds) {
  if (seconds === null) return "–";
  if (seconds < 1) return "< 1 s";
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

async function ask(path, body) {
  const headers = { Authorization: `Bearer ${currentKey()}`, "Accept-Language": "zh" };
  if (body) headers["Content-Type"] = "application/json";
  const method = body ? "POST" : "GET";
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(`${said.title}：${said.detail}`), { status: answer.status });
  return said;
}

function tile(mood, value, chinese, english) {
  return node("div", `tile ${mood}`, node("b", "", value), both(chinese, english));
}

function showTiles(standing) {
  const services = standing.services;
  const up = services.filter((s) => s.database === "ok").length;
  const dead = services.reduce((sum, s) => sum + (s.dead_letters ?? 0), 0);
  const ages = services.flatMap((s) => [s.outbox_oldest_seconds, ...s.lanes.map((l) => l.oldest_seconds)]);
  const oldest = Math.max(0, ...ages.filter((a) => a !== null));
  const unknown = standing.unknown_sends ?? 0;
  const drift = standing.quota_drift ?? 0;
  const lag = standing.loop_lag_seconds;
  $("tiles").replaceChildren(
    tile(up === services.length ? "good" : "wrong", `${up} / ${services.length}`, "服务正常", "services up"),
    tile(standing.redis === "ok" ? "good" : "wrong", standing.redis === "ok" ? "正常" : "离线", "Redis", "carrier"),
    tile(oldest < LATE_SECONDS ? "good" : "wrong", age(oldest), "最老的待办", "oldest in a queue"),
    tile(unknown ? "look" : "good", unknown, "结果未知的发送", "unknown sends"),
    tile(drift ? "wrong" : "good", drift, "额度账实不符", "quota drift"),
    tile(dead ? "look" : "good", dead, "死信", "dead letters"),
  );
  const time = new Date(standing.at).toLocaleTimeString("zh-CN", { hour12: false });
  const late = lag === null ? "" : ` · 事件循环延迟 loop lag ${Math.round(lag * 1000)} ms`;
  $("at").textContent = `${time} 更新 updated${late}`;
}

function showServices(services) {
  const rows = services.map((service) => {
    const lanes = service.lanes.map((lane) => {
      const mood = (lane.oldest_seconds ?? 0) > LATE_SECONDS ? "chip wrong" : "chip";
      const told = lane.entries ? `${lane.entries}，${age(lane.oldest_seconds)}` : "0";
      return node("span", lane.entries === null ? "chip" : mood, `${lane.lane} `, node("b", "", lane.entries === null ? "–" : told));
    });
    const ok = service.database === "ok";
    const rows_ = service.outbox_rows;
    const outbox = rows_ ? `${rows_}，${age(service.outbox_oldest_seconds)}` : rows_ === null ? "–" : "0";
    return node("tr", "",
      cell("", "", node("code", "", service.name)),
      cell("数据库", "", node("span", ok ? "dot good" : "dot wrong"), ok ? both("正常", "ok") : both("离线", "down")),
      cell("待确认", "", outbox),
      cell("队列", "", ...(lanes.length ? lanes : [node("span", "muted", "–")])),
      cell("隔离", "number", service.dead_letters ?? "–"));
  });
  $("services").tBodies[0].replaceChildren(...rows);
}

function reasonOf(letter) {
  const known = REASONS[letter.reason];
  const told = known ? both(known[0], known[1]) : both("处理时出错", "its handler failed");
  return cell("原因", "reason", told, node("code", "muted", letter.reason), ` × ${letter.attempts}`);
}

function letterRow(letter) {
  const id = `${letter.service} ${letter.id}`;
  const box = node("input");
  box.type = "checkbox";
  box.checked = chosen.has(id);
  box.setAttribute("aria-label", `选择 ${letter.id}`);
  box.addEventListener("change", () => {
    if (box.checked) chosen.set(id, letter);
    else chosen.delete(id);
    $("redrive").disabled = !chosen.size;
  });
  const again = node("button", "quiet", both("重新投递", "Redrive"));
  again.addEventListener("click", () => redrive([letter]));
  const why = [node("code", "id", letter.cause ?? "–")];
  if (letter.decision) {
    const link = node("button", "link", both("查看决策", "decision"));
    link.addEventListener("click", () => tell(letter.decision));
    why.push(node("br"), link);
  }
  const [sender, fact] = (letter.type ?? "？").split(".");
  const type = fact ? [`${sender}.`, node("wbr"), fact] : [sender]; // the only place to break it
  const since = new Date(letter.since).toLocaleString("zh-CN", { hour12: false });
  return node("tr", letter.state === "retrying" ? "retrying" : "",
    cell("", "", box),
    cell("事件", "", node("b", "", ...type), node("br"), node("code", "id muted", letter.id)),
    cell("服务", "", node("code", "", letter.service), " ", node("small", "", letter.lane)),
    reasonOf(letter), cell("起因", "", ...why), cell("时间", "time", since), cell("", "", again));
}

async function loadLetters(more) {
  const path = "/v1/operations/dead-letters?limit=50" + (more && cursor ? `&cursor=${encodeURIComponent(cursor)}` : "");
  const page = await ask(path);
  const rows = page.data.map(letterRow);
  const body = $("letters").tBodies[0];
  if (more) body.append(...rows);
  else body.replaceChildren(...rows);
  cursor = page.next_cursor;
  $("more").hidden = !cursor;
  $("letters").hidden = !body.rows.length;
  $("none").hidden = Boolean(body.rows.length);
}

async function redrive(letters) {
  for (let start = 0; start < letters.length; start += 250) {
    const some = letters.slice(start, start + 250);
    await ask("/v1/operations/dead-letters/redrive", { letters: some.map(({ service, id }) => ({ service, id })) });
  }
  chosen.clear();
  $("all").checked = false;
  $("redrive").disabled = true;
  await refresh();
}

async function tell(path) {
  let told;
  try {
    told = JSON.stringify(await ask(path), null, 2);
  } catch (error) {
    told = `${path}\n\n${error.message}`;
  }
  $("told").textContent = told;
  $("story").showModal();
}

async function refresh() {
  const standing = await ask("/v1/operations/standing");
  showTiles(standing);
  showServices(standing.services);
  if (!chosen.size) await loadLetters(false);
  $("ask").hidden = true;
  $("shown").hidden = false;
  $("lost").hidden = true;
}

async function watch() {
  if (!currentKey()) {
    $("ask").hidden = false;
    return;
  }
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    if (error.status === 401 || error.status === 403) {
      $("ask").hidden = false;
      $("shown").hidden = true;
      $("refused").hidden = false;
      $("refused").textContent = error.message;
      return;
    }
    $("shown").hidden = false;
    $("lost").hidden = false;
  }
  setTimeout(watch, EVERY_MS);
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey($("typed").value.trim());
  $("typed").value = "";
  $("refused").hidden = true;
  watch();
});
$("all").addEventListener("change", () => {
  for (const box of $("letters").tBodies[0].querySelectorAll("input")) {
    if (box.checked !== $("all").checked) box.click();
  }
});
$("redrive").addEventListener("click", () => redrive([...chosen.values()]));
$("more").addEventListener("click", () => loadLetters(true));
watch();
