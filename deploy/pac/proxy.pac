// AI hosts through Outgate, everything else direct. Keep the list in step with the catalogue.
function FindProxyForURL(url, host) {
  var exact = ["api.openai.com", "chatgpt.com", "api.anthropic.com", "claude.ai",
               "generativelanguage.googleapis.com", "gemini.google.com", "api.mistral.ai", "api.cohere.com",
               "api.x.ai", "grok.com", "api.deepseek.com", "chat.deepseek.com", "openrouter.ai", "api2.cursor.sh"];
  var under = [".openai.azure.com", ".githubcopilot.com"];
  for (var i = 0; i < exact.length; i++) if (host === exact[i]) return "PROXY 127.0.0.1:8080";
  for (var j = 0; j < under.length; j++) if (dnsDomainIs(host, under[j])) return "PROXY 127.0.0.1:8080";
  return "DIRECT";
}
