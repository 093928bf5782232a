// As many sessions may be ticked as lie beside each other; with so many ticked, the other boxes rest. The server would show
// the first of them and say so.

function bound() {
  const form = document.getElementById("compare");
  if (!form) return;
  const boxes = [...form.elements].filter((field) => field.type === "checkbox");
  const ticked = boxes.filter((box) => box.checked).length;
  for (const box of boxes) box.disabled = !box.checked && ticked >= Number(form.dataset.most);
}

document.addEventListener("change", (event) => event.target.name === "compare" && bound());
document.addEventListener("htmx:after:swap", bound);
bound();
