{{/* What the pods of all components share. Each call: (dict "root" $ "component" "portal"). */}}

{{- define "atelier.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The metadata of a pod template. */}}
{{- define "atelier.podMetadata" -}}
labels:
  {{- include "atelier.labels" . | nindent 2 }}
{{- with (index .root.Values .component).podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The parts of a pod's spec around its containers. With "token": it talks to the API server. */}}
{{- define "atelier.podSpec" -}}
{{- $values := index .root.Values .component -}}
{{- with .root.Values.imagePullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{ end -}}
automountServiceAccountToken: {{ .token | default false }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile:
    type: RuntimeDefault
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if gt (int ($values.replicas | default 1)) 1 }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "atelier.selector" . | nindent 8 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 256Mi
{{- with $values.setups }}
  - name: setups
    {{- toYaml . | nindent 4 }}
{{- end }}
{{- end -}}

{{/* The parts of a container beside its command, environment and probes. */}}
{{- define "atelier.container" -}}
image: {{ include "atelier.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
resources:
  {{- toYaml (index .root.Values .component).resources | nindent 2 }}
volumeMounts:
  - name: tmp
    mountPath: /tmp
{{- with (index .root.Values .component).setups }}
  - name: setups
    mountPath: /setups
    readOnly: true
{{- end }}
{{- end -}}

{{/* The variables of every component that is Django; portal/environment.py reads them. */}}
{{- define "atelier.environment" -}}
{{- $values := .Values -}}
{{- $name := include "atelier.name" . -}}
- {name: ATELIER_MODE, value: production}
- {name: ATELIER_DRIVER, value: kubernetes}
- {name: ATELIER_DATA, value: /tmp}
{{ include "atelier.addresses" . }}
- {name: ATELIER_LANGUAGE, value: {{ $values.language | quote }}}
- name: ATELIER_MAIL_FROM
  value: {{ $values.mailFrom | default (printf "Atelier <atelier@%s>" $values.portal.host) | quote }}
- {name: ATELIER_TRUSTED_PROXIES, value: {{ $values.portal.trustedProxies | quote }}}
- {name: ATELIER_START_DEADLINE_S, value: {{ $values.startDeadlineSeconds | int | quote }}}
- {name: ATELIER_KUBE_PREFIX, value: {{ $name | quote }}}
- {name: ATELIER_KUBE_WORKER_ACCOUNT, value: "{{ .Release.Namespace }}/{{ $name }}-worker"}
- {name: ATELIER_KUBE_GATEWAY_NAMESPACE, value: {{ .Release.Namespace | quote }}}
{{- with $values.desktops }}
- {name: ATELIER_KUBE_IMAGE_REGISTRY, value: {{ .imageRegistry | quote }}}
- {name: ATELIER_KUBE_STORAGE_CLASS, value: {{ .storageClass | quote }}}
- {name: ATELIER_KUBE_RUNTIME_CLASS, value: {{ .runtimeClass | quote }}}
- {name: ATELIER_KUBE_IMAGE_PULL_SECRET, value: {{ .imagePullSecret | quote }}}
- {name: ATELIER_KUBE_MODELS_CLAIM, value: {{ .modelsClaim | quote }}}
- name: ATELIER_KUBE_BLOCKED_CIDRS
  value: {{ .blockedCIDRs | toJson | quote }}
- name: ATELIER_KUBE_TOLERATIONS
  value: {{ .tolerations | toJson | quote }}
- name: ATELIER_KUBE_TENANT_QUOTA
  value: {{ .tenantQuota | toJson | quote }}
{{- end }}
- {name: ATELIER_KUBE_PRIORITY_CLASS, value: {{ include "atelier.priorityClass" . | quote }}}
{{- range list "DATABASE_URL" "BROKER_URL" "ATELIER_SECRET_KEY" "ATELIER_GATEWAY_KEY" "ATELIER_SMTP_URL" }}
{{ include "atelier.secret" (dict "root" $ "key" .) }}
{{- end }}
{{- end -}}

{{- define "atelier.addresses" -}}
- {name: ATELIER_LISTEN, value: "0.0.0.0,::"}
- {name: ATELIER_PORTAL_ORIGIN, value: "https://{{ .Values.portal.host }}"}
- {name: ATELIER_DESK_ORIGIN, value: "https://d-{id}.{{ .Values.desktops.host }}"}
{{- end -}}

{{- define "atelier.secret" -}}
- name: {{ .key }}
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.secrets.existingSecret }}
      key: {{ .key }}
{{- end -}}

{{- define "atelier.extraEnvironment" -}}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

