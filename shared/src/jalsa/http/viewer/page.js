// The documentation page: Swagger UI on the service's own document, with a token box and a search over everything.
(async () => {
  const box = document.getElementById("token");
  // It stays in this tab, also on the pages of the other services, and is gone with the tab.
  box.value = sessionStorage.getItem("jalsa-token") ?? "";
  box.addEventListener("input", () => sessionStorage.setItem("jalsa-token", box.value.trim()));
  box.form.addEventListener("submit", event => event.preventDefault());

  const spec = await (await fetch("openapi.json")).json();
  const before = location.pathname.replace(/\/v1\/docs\/?$/, ""); // behind the gateway: the service's name
  spec.servers = [{ url: before || "/" }];
  delete spec.security; // the token box stands for it
  for (const link of document.querySelectorAll("nav a")) link.hidden = !before.endsWith(`/${document.body.dataset.service}`);

  const found = (one, words) => {
    const operation = one.get("operation").toJS();
    const parts = [one.get("path"), one.get("method"), operation.operationId, operation.summary, operation.description];
    const text = [...parts, ...(operation["x-problem-codes"] ?? [])].join(" ").toLowerCase();
    return words.every(word => text.includes(word));
  };
  const search = (tagged, phrase) => {
    const words = phrase.toLowerCase().split(/\s+/);
    return tagged
      .map(tag => tag.set("operations", tag.get("operations").filter(one => found(one, words))))
      .filter(tag => tag.get("operations").size > 0);
  };
  SwaggerUIBundle({
    spec,
    dom_id: "#ui",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    displayOperationId: true,
    displayRequestDuration: true,
    filter: true,
    showExtensions: true,
    tryItOutEnabled: true,
    validatorUrl: null, // no other host is asked whether the document is valid
    plugins: [() => ({ fn: { opsFilter: search } })],
    requestInterceptor: request => {
      const token = box.value.trim();
      if (token) request.headers.Authorization = `Bearer ${token}`;
      return request;
    },
  });
})();
