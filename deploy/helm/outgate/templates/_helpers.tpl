{{- define "outgate.name" -}}
{{- $name := ternary .Release.Name (printf "%s-outgate" .Release.Name) (contains "outgate" .Release.Name) -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "outgate.selector" -}}
app.kubernetes.io/name: outgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "outgate.labels" -}}
{{ include "outgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "outgate.kind" -}}
{{ ternary "StatefulSet" "Deployment" .Values.persistence.enabled }}
{{- end }}

{{- define "outgate.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{/* What a schema cannot say well. */}}
{{- define "outgate.check" -}}
{{- $v := .Values -}}
{{- if and $v.valkey.existingSecret (not $v.keys.existingSecret) -}}
{{- fail "valkey: pods that share a vault need the same keys. Name a secret with fingerprint.key, vault.key and signing.key in keys.existingSecret." -}}
{{- end -}}
{{- if ne (empty $v.postgres.existingSecret) (empty $v.postgres.address) -}}
{{- fail "postgres: existingSecret (password, roots.pem) and address (HOST:PORT) belong together." -}}
{{- end -}}
{{- if $v.networkPolicy.enabled -}}
{{- range $name := list "valkey" "postgres" -}}
{{- $place := index $v $name -}}
{{- if and $place.existingSecret (not $place.to) -}}
{{- fail (printf "%s.to: say where it is, or the NetworkPolicy lets nothing through to it: [{ipBlock: {cidr: 10.1.2.3/32}}]." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $v.policies.files -}}
{{- range $v.policies.load -}}
{{- if not (hasKey $v.policies.files .) -}}
{{- fail (printf "policies.load: %s is not among policies.files." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (gt (int $v.autoscaling.min) (int $v.autoscaling.max)) -}}
{{- fail "autoscaling: min is more than max." -}}
{{- end -}}
{{- end }}

{{/* outgate.yaml: what the chart decides stands above what `settings` says. */}}
{{- define "outgate.settings" -}}
{{- $v := .Values -}}
{{- $audit := deepCopy ($v.settings.audit | default dict) -}}
{{- if $v.keys.existingSecret -}}
{{- $_ := set $audit "key" (dict "file" "/run/outgate/signing.key") -}}
{{- end -}}
{{- if $v.postgres.existingSecret -}}
{{- $sink := dict "type" "postgres" "address" $v.postgres.address "database" $v.postgres.database
  "user" $v.postgres.user "password" (dict "file" "/run/outgate/postgres.password")
  "tls" (dict "roots" "/run/outgate/postgres-roots.pem") -}}
{{- $_ := set $audit "sinks" (append ($audit.sinks | default list) $sink) -}}
{{- end -}}
{{- $vault := deepCopy ($v.settings.vault | default dict) -}}
{{- if $v.keys.existingSecret -}}
{{- $_ := set $vault "key" (dict "file" "/run/outgate/vault.key") -}}
{{- end -}}
{{- if $v.valkey.existingSecret -}}
{{- $_ := set $vault "store" "valkey" -}}
{{- end -}}
{{- $own := dict "listen" "0.0.0.0:8080" "metrics" "0.0.0.0:9464" "state_dir" "/var/lib/outgate/state"
  "ca_dir" "/run/outgate/ca" "clients" $v.clients "connect_ports" $v.ports "audit" $audit "vault" $vault
  "workers" (dict "count" $v.workers "drain" $v.drain "own_core" false) -}}
{{- if $v.proxyProtocol -}}
{{- $_ := set $own "proxy_protocol" $v.proxyProtocol -}}
{{- end -}}
{{- if $v.policies.files -}}
{{- $paths := list -}}
{{- range $v.policies.load -}}{{- $paths = append $paths (printf "/etc/outgate/policies/%s" .) -}}{{- end -}}
{{- $_ := set $own "policies" $paths -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy $v.settings) $own) -}}
{{- end }}
