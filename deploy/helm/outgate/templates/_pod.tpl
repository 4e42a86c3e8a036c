{{- define "outgate.pod" -}}
metadata:
  labels: {{- include "outgate.labels" . | nindent 4 }}
  annotations:
    # Other settings need another pod. Policies do not: a change of theirs takes effect in those that run.
    checksum/settings: {{ include "outgate.settings" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ include "outgate.name" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  # Ten seconds until no new connection comes, the time to finish what is under way, and some to end.
  terminationGracePeriodSeconds: {{ add .Values.drain 30 }}
  initContainers:
    - name: prepare
      image: {{ include "outgate.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      command: [python, -I, /etc/outgate/settings/prepare.py]
      args: [/secrets, /etc/outgate/settings/outgate.yaml, /run/outgate, /var/lib/outgate/state]
      securityContext: &confined
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources:
        requests: {cpu: 100m, memory: 64Mi}
        limits: {memory: 256Mi}
      volumeMounts:
        - {name: secrets, mountPath: /secrets, readOnly: true}
        - {name: settings, mountPath: /etc/outgate/settings, readOnly: true}
        - {name: run, mountPath: /run/outgate}
        - {name: state, mountPath: /var/lib/outgate}
  containers:
    - name: outgate
      image: {{ include "outgate.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run]
      env:
        - {name: OUTGATE_CONFIG, value: /run/outgate/outgate.yaml}
      ports:
        - {name: proxy, containerPort: 8080}
        - {name: metrics, containerPort: 9464}
      securityContext: *confined
      resources: {{- toYaml .Values.resources | nindent 8 }}
      # Models are loaded first, and the first release of a `policy_source` is got and tried: up to ten minutes.
      startupProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 2
        timeoutSeconds: 2
        failureThreshold: 300
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      livenessProbe:
        httpGet: {path: /healthz, port: metrics}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      lifecycle:
        preStop:
          sleep: {seconds: 10}
      volumeMounts:
        - {name: run, mountPath: /run/outgate}
        - {name: state, mountPath: /var/lib/outgate}
        - {name: tmp, mountPath: /tmp}
        {{- if .Values.policies.files }}
        - {name: policies, mountPath: /etc/outgate/policies, readOnly: true}
        {{- end }}
  volumes:
    - name: secrets
      projected:
        defaultMode: 0440
        sources:
          - secret:
              name: {{ .Values.ca.existingSecret }}
              items:
                - {key: root.pem, path: ca/root.pem}
                - {key: mitmproxy-ca.pem, path: ca/mitmproxy-ca.pem}
          {{- with .Values.keys.existingSecret }}
          - secret:
              name: {{ . }}
              items:
                - {key: fingerprint.key, path: fingerprint.key}
                - {key: vault.key, path: vault.key}
                - {key: signing.key, path: signing.key}
          {{- end }}
          {{- with .Values.valkey.existingSecret }}
          - secret:
              name: {{ . }}
              items:
                - {key: url, path: valkey.url}
          {{- end }}
          {{- with .Values.postgres.existingSecret }}
          - secret:
              name: {{ . }}
              items:
                - {key: password, path: postgres.password}
                - {key: roots.pem, path: postgres-roots.pem}
          {{- end }}
          {{- range .Values.files }}
          - secret:
              name: {{ .secret }}
              items:
                - {key: {{ .key | quote }}, path: {{ printf "files/%s" .path | quote }}}
          {{- end }}
    - name: settings
      configMap:
        name: {{ include "outgate.name" . }}
    {{- if .Values.policies.files }}
    - name: policies
      configMap:
        name: {{ include "outgate.name" . }}-policies
    {{- end }}
    - name: run
      emptyDir: {medium: Memory, sizeLimit: 8Mi}
    - name: tmp
      emptyDir: {sizeLimit: 1Gi}
    {{- if not .Values.persistence.enabled }}
    - name: state
      emptyDir: {sizeLimit: {{ .Values.persistence.size }}}
    {{- end }}
  {{- with .Values.topologyKeys }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ . | quote }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels: {{- include "outgate.selector" $ | nindent 10 }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
