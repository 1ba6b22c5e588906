package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"
)

// Spec is a class and the pods that mount it. Every string is a text/template
// that sees a View.
type Spec struct {
	// Namespace and ServiceAccount of the pods ("bench", and an account each).
	Namespace      string `json:"namespace"`
	ServiceAccount string `json:"serviceAccount"`
	// Audiences get a token each, as CSIDriver tokenRequests do.
	Audiences []string `json:"audiences"`
	// Parameters of the class.
	Parameters map[string]string `json:"parameters"`
	// Object is rendered once for each object, and all of them become the
	// parameter "objects".
	Object string `json:"object"`
}

// View is what the templates see.
type View struct {
	Pod, UID, Namespace, ServiceAccount string
	Index                               int // of the pod, from 0
	Object                              int // from 0; in Object only
}

func loadSpec(path string) (*Spec, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Spec{Namespace: "bench", ServiceAccount: "app-{{.Index}}"}
	if err := yaml.UnmarshalStrict(raw, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// view is the identity of pod number index.
func (s *Spec) view(index int, run string) (View, error) {
	v := View{Index: index, Namespace: s.Namespace, Pod: fmt.Sprintf("pod-%s-%d", run, index), UID: fmt.Sprintf("%s-0000-4000-8000-%012d", run, index)}
	var err error
	v.ServiceAccount, err = render(s.ServiceAccount, v)
	return v, err
}

// attributes are those of the driver for this pod, without tokens.
func (s *Spec) attributes(v View, objects int) (map[string]string, error) {
	out := map[string]string{}
	var err error
	for name, text := range s.Parameters {
		if out[name], err = render(text, v); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	if s.Object != "" {
		var list strings.Builder
		for v.Object = range objects {
			item, err := render(s.Object, v)
			if err != nil {
				return nil, fmt.Errorf("object: %w", err)
			}
			list.WriteString(strings.TrimRight(item, "\n") + "\n")
		}
		out["objects"] = list.String()
	}
	// the volume context wins over parameters
	for name, value := range map[string]string{"ephemeral": "true", "pod.name": v.Pod, "pod.namespace": v.Namespace, "pod.uid": v.UID, "serviceAccount.name": v.ServiceAccount} {
		out["csi.storage.k8s.io/"+name] = value
	}
	out["secretProviderClass"] = "bench"
	return out, nil
}

func render(text string, v View) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, nil
	}
	t, err := template.New("").Parse(text)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	err = t.Execute(&b, v)
	return b.String(), err
}
