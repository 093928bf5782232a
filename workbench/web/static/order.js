// The order form's fields that its type and side do not take: the style hides them, and here they are set aside, so that what
// was typed into them is not sent. Without this script they are sent, and the server says what does not belong.

function fit(form) {
  const value = (name) => form.querySelector(`[name=${name}]:checked`)?.value;
  const [type, side] = [value("order_type"), value("side")];
  const until = form.querySelector("[name=time_in_force]")?.value;
  for (const field of form.querySelectorAll(".field")) {
    const { types, sides } = field.dataset;
    const belongs = (!types || types.split(" ").includes(type)) && (!sides || sides === side) && (!("until" in field.dataset) || until === "gtd");
    for (const input of field.querySelectorAll("input")) {
      const outer = input.closest(".field");
      if (outer === field) input.disabled = !belongs;
    }
  }
}

function refit() {
  const form = document.getElementById("order-form");
  if (form) fit(form);
}

document.addEventListener("input", (event) => event.target.form?.id === "order-form" && refit());
document.addEventListener("htmx:after:swap", refit);
refit();
