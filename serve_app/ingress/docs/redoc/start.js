// Starts Redoc on the OpenAPI document. A file of its own, because the page allows no script inside it.
Redoc.init("/openapi.json", {}, document.getElementById("routes"));
