{{/* What everything is called. The release's name is the platform's name in the whole cluster:
     cluster-wide objects and the tenants' namespaces begin with it. */}}
{{- define "atelier.name" -}}
{{- $name := .Release.Name -}}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$" $name) -}}
{{- fail (printf "The release's name %q cannot be used: it begins the names of the tenants' namespaces, so it has at most 20 characters (a-z, 0-9, -), and begins with a letter." $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Of what selects, never changed after the first installation. Call: (dict "root" $ "component" "portal") */}}
{{- define "atelier.selector" -}}
app.kubernetes.io/name: atelier
app.kubernetes.io/instance: {{ include "atelier.name" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "atelier.labels" -}}
{{ include "atelier.selector" . }}
app.kubernetes.io/part-of: atelier
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "atelier.worker" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "atelier.name" . }}-worker
{{- end -}}

{{/* Of the desktops' pods; empty: none. */}}
{{- define "atelier.priorityClass" -}}
{{- if .Values.desktops.priorityClass.create -}}
{{ include "atelier.name" . }}-desktop
{{- else -}}
{{ .Values.desktops.priorityClass.name }}
{{- end -}}
{{- end -}}

{{/* What no schema can say: how values stand to each other. */}}
{{- define "atelier.checked" -}}
{{- if eq .Values.portal.host .Values.desktops.host -}}
{{- fail "portal.host and desktops.host must differ: desktops are your users' own, and the portal's pages must not be theirs." -}}
{{- end -}}
{{- if hasSuffix (printf ".%s" .Values.desktops.host) .Values.portal.host -}}
{{- fail "portal.host must not be below desktops.host: every name there belongs to a desktop." -}}
{{- end -}}
{{- if and .Values.desktops.priorityClass.create .Values.desktops.priorityClass.name -}}
{{- fail "desktops.priorityClass.name names an existing class: set desktops.priorityClass.create to false with it." -}}
{{- end -}}
{{- end -}}
