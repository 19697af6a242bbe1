{{- define "passgate.labels" -}}
app.kubernetes.io/name: passgate
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* An image by its digest, which exists: zeros stand for one that was not filled in. It lies in
`registry`, unless somebody named another. */}}
{{- define "passgate.image" -}}
{{- if contains (printf "@sha256:%s" (repeat 64 "0")) .image -}}
{{- fail (printf "%s.image: a digest of zeros is of no image. Install the chart that `make image` or a release has written, or write the digest of yours" .at) -}}
{{- end -}}
{{- $nobodys := "registry.example.com/" -}}
{{- if and .registry (hasPrefix $nobodys .image) -}}
{{- printf "%s/%s" .registry (trimPrefix $nobodys .image) -}}
{{- else -}}
{{- .image -}}
{{- end -}}
{{- end }}

{{/* The policy as YAML, whichever way it was written. */}}
{{- define "passgate.policy" -}}
{{- $policy := .Values.policy -}}
{{- if kindIs "string" $policy -}}
{{- /* Of two members of one name, and of two documents, Helm would take one in silence. */ -}}
{{- $seen := dict -}}
{{- range $line := splitList "\n" $policy -}}
{{- if and $seen (or (hasPrefix "---" $line) (hasPrefix "..." $line)) -}}
{{- fail "policy: more than one document" -}}
{{- end -}}
{{- with regexFind "^[^#\\s-][^:]*:" $line -}}
{{- $member := . | trimSuffix ":" | trim | trimAll "\"'" -}}
{{- if hasKey $seen $member -}}
{{- fail (printf "policy: the key %q occurs twice" $member) -}}
{{- end -}}
{{- $_ := set $seen $member true -}}
{{- end -}}
{{- end -}}
{{- $policy = fromYaml $policy -}}
{{- if hasKey $policy "Error" -}}
{{- fail (printf "policy: not YAML: %s" $policy.Error) -}}
{{- end -}}
{{- end -}}
{{- if not $policy -}}
{{- fail "policy: write the configuration of the filter, or give a file: --set-file policy=gate.yaml" -}}
{{- end -}}
{{- range $member := list "selector" "targetRefs" "match" "failStrategy" "pluginConfig" "spec" "policy" "configuration" -}}
{{- if hasKey $policy $member -}}
{{- fail (printf "policy.%s: the policy is what stands below pluginConfig, and nothing around it" $member) -}}
{{- end -}}
{{- end -}}
{{- toYaml $policy -}}
{{- end }}

{{/* What the plugin is attached to. All that the chart can write judges: see docs/istio/waypoint.md
for what would not. */}}
{{- define "passgate.attachment" -}}
{{- $attach := .Values.attach | default dict -}}
{{- $root := eq .Release.Namespace .Values.rootNamespace -}}
{{- range $kind := list "ingressGateway" "workload" -}}
{{- range $label, $value := (dig $kind "labels" dict $attach) -}}
{{- if or (hasPrefix "gateway.networking.k8s.io/" $label) (hasPrefix "gateway.istio.io/" $label) -}}
{{- fail (printf "attach.%s.labels: %s is a label of waypoints, which a selector does not reach. Write waypoint: { name: … }, or kubernetesGateway: { name: … }" $kind $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and (or (hasKey $attach "mesh") (hasKey $attach "everyWaypoint")) (not $root) -}}
{{- fail (printf "attach.%s: counts in the root namespace alone, and this release is in %s: install it in %s, or correct rootNamespace" (keys $attach | first) .Release.Namespace .Values.rootNamespace) -}}
{{- end -}}
{{- if and $root (or (hasKey $attach "namespace") (hasKey $attach "workload")) -}}
{{- fail (printf "attach.%s: in the root namespace %s a plugin reaches the proxies of all namespaces. Install it in the namespace of what it guards, or write mesh: true" (keys $attach | first) .Values.rootNamespace) -}}
{{- end -}}
{{- if hasKey $attach "ingressGateway" -}}
selector:
  matchLabels: {{- toYaml $attach.ingressGateway.labels | nindent 4 }}
{{- else if hasKey $attach "workload" -}}
selector:
  matchLabels: {{- toYaml $attach.workload.labels | nindent 4 }}
match: [{ mode: SERVER }] # not what the workload asks others
{{- else if or (hasKey $attach "namespace") (hasKey $attach "mesh") -}}
match: [{ mode: SERVER }] # not what workloads ask others, and no gateway
{{- else if hasKey $attach "kubernetesGateway" -}}
targetRefs:
  - { group: gateway.networking.k8s.io, kind: Gateway, name: {{ $attach.kubernetesGateway.name | quote }} }
{{- else if hasKey $attach "waypoint" -}}
targetRefs:
  - { group: gateway.networking.k8s.io, kind: Gateway, name: {{ $attach.waypoint.name | quote }} }
{{- else if hasKey $attach "service" -}}
targetRefs:
  - { group: "", kind: Service, name: {{ $attach.service.name | quote }} }
{{- else if hasKey $attach "everyWaypoint" -}}
targetRefs:
  - { group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint }
{{- else -}}
{{- fail "attach: say what is guarded: one of ingressGateway, kubernetesGateway, workload, namespace, mesh, waypoint, service, everyWaypoint" -}}
{{- end -}}
{{- end }}

{{/* The pods whose proxies are guarded, for monitoring. */}}
{{- define "passgate.pods" -}}
{{- $attach := .Values.attach -}}
{{- if hasKey $attach "ingressGateway" -}}
selector:
  matchLabels: {{- toYaml $attach.ingressGateway.labels | nindent 4 }}
{{- else if hasKey $attach "workload" -}}
selector:
  matchLabels: {{- toYaml $attach.workload.labels | nindent 4 }}
{{- else if hasKey $attach "kubernetesGateway" -}}
selector:
  matchLabels: { gateway.networking.k8s.io/gateway-name: {{ $attach.kubernetesGateway.name | quote }} }
{{- else if hasKey $attach "waypoint" -}}
selector:
  matchLabels: { gateway.networking.k8s.io/gateway-name: {{ $attach.waypoint.name | quote }} }
{{- else if hasKey $attach "service" -}}
selector:
  matchLabels: { gateway.networking.k8s.io/gateway-name: {{ $attach.service.waypoint | quote }} }
{{- else if hasKey $attach "everyWaypoint" -}}
selector:
  matchLabels: { gateway.networking.k8s.io/gateway-class-name: istio-waypoint }
namespaceSelector: { any: true }
{{- else -}}
selector:
  matchExpressions: [{ key: security.istio.io/tlsMode, operator: Exists }]
{{- if hasKey $attach "mesh" }}
namespaceSelector: { any: true }
{{- end }}
{{- end -}}
{{- end }}
