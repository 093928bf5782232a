// Times on the clocks of the zone that the page is drawn in; `data-zone` of the page names it. Inside, a time is UTC.
(() => {
  const key = document.documentElement.dataset.zone || "UTC";
  const parts = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const offsets = new Map();

  function formatter(zone) {
    return new Intl.DateTimeFormat("en-US", { ...parts, timeZone: zone, hourCycle: "h23", calendar: "gregory", numberingSystem: "latn" });
  }

  let zone = key;
  let format;
  try {
    format = formatter(key);
  } catch {
    format = formatter((zone = "UTC")); // a browser that does not know the zone says what it shows instead
  }

  // How many seconds the clocks are before UTC; it changes at quarters of an hour only, so a chart's points share answers.
  function offset(seconds) {
    const quarter = Math.floor(seconds / 900);
    let found = offsets.get(quarter);
    if (found === undefined) {
      const at = Object.fromEntries(format.formatToParts(quarter * 900000).map((part) => [part.type, Number(part.value)]));
      found = Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) / 1000 - quarter * 900;
      offsets.set(quarter, found);
    }
    return found;
  }

  // A date whose UTC fields are what the zone's clocks and calendar show.
  const wall = (seconds) => new Date((seconds + offset(seconds)) * 1000);
  const text = (seconds) => wall(seconds).toISOString().slice(0, 19);

  // As `+01:00`; where the zone is UTC, by that name.
  function named(seconds) {
    if (zone === "UTC") return "UTC";
    const minutes = Math.round(Math.abs(offset(seconds)) / 60);
    const two = (value) => String(value).padStart(2, "0");
    return `${offset(seconds) < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  }

  // Whether the clocks show this time twice, as they do when they are put back.
  function isTwice(seconds) {
    for (const other of [offset(seconds - 10800), offset(seconds + 10800)]) {
      const shift = offset(seconds) - other;
      if (shift && text(seconds) === text(seconds + shift)) return true;
    }
    return false;
  }

  window.zone = { label: zone.split("/").at(-1).replaceAll("_", " "), key: zone, offset, wall, text, named, isTwice };
})();
