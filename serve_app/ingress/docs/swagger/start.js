// Starts Swagger UI on the OpenAPI document. A file of its own, because the page allows no script inside it.
SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#routes",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null, // the default validates at another host
});
