// Runs the search of a built site as a browser does, without a page: node search.js SITE QUERY...
// Prints, for each query, the names of the pages that are found, best first.
const fs = require("fs"), path = require("path"), vm = require("vm");
const [site, ...queries] = process.argv.slice(2);

const element = () => ({ classList: { add() {} }, dataset: {}, style: {}, appendChild() {}, setAttribute() {} });
const page = {
  URL, URLSearchParams, console,
  addEventListener() {},
  localStorage: { getItem() {}, setItem() {}, removeItem() {} },
  location: { href: "", search: "" },
  document: {
    addEventListener() {}, body: element(), createElement: element, readyState: "loading",
    documentElement: { dataset: { content_root: "./" } },
    getElementById: () => null, querySelector: () => null, querySelectorAll: () => [],
  },
};
page.window = page;
vm.createContext(page);
const html = fs.readFileSync(path.join(site, "search.html"), "utf8");
const scripts = [...html.matchAll(/<script[^>]* src="([^"?]+)/g)].map((found) => found[1]);
const code = scripts.filter((name) => !name.includes("/scripts/")).map((name) => fs.readFileSync(path.join(site, name)));
const ask = "(query) => Search._performSearch(...Search._parseQuery(query)).map((found) => found[0]).reverse()";
const search = vm.runInContext(`${code.join("\n;\n")}\n;${ask}`, page);
console.log(JSON.stringify(Object.fromEntries(queries.map((query) => [query, search(query)]))));
