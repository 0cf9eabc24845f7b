// Swagger UI over the merged document. It asks this origin and nobody else.
"use strict";

const ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger",
  docExpansion: "none",
  filter: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  persistAuthorization: false,
  requestInterceptor: (request) => {
    if (new URL(request.url, location.href).origin !== location.origin) {
      throw new Error("only this Siyu is asked");
    }
    return request;
  },
  onComplete: () => {
    if (currentKey()) ui.preauthorizeApiKey("ApiKey", currentKey());
  },
});
