// Reads manifests from its input, and says of those that Kubernetes' own schemas do not describe whether they have the fields
// that the programs which read them know: no others, and of the right types. Prints how many it has looked at.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"

	certmanager "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// kinds has a new resource of each kind.
var kinds = map[string]func() any{
	"monitoring.coreos.com/v1 ServiceMonitor": func() any { return &monitoring.ServiceMonitor{} },
	"monitoring.coreos.com/v1 PrometheusRule": func() any { return &monitoring.PrometheusRule{} },
	"cert-manager.io/v1 Certificate":          func() any { return &certmanager.Certificate{} },
}

func main() {
	manifests := yaml.NewYAMLReader(bufio.NewReader(os.Stdin))
	count, wrong := 0, 0
	for {
		manifest, err := manifests.Read()
		if err == io.EOF {
			break
		}
		if err == nil {
			var known bool
			known, err = check(manifest)
			if known {
				count++
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			wrong++
		}
	}
	fmt.Printf("%d custom resources, %d problems\n", count, wrong)
	if wrong > 0 {
		os.Exit(1)
	}
}

// check tells whether a manifest is of one of the kinds, and what is wrong with it.
func check(manifest []byte) (bool, error) {
	var head metav1.TypeMeta
	if err := strict.Unmarshal(manifest, &head); err != nil {
		return false, err
	}
	create, known := kinds[head.APIVersion+" "+head.Kind]
	if !known {
		return false, nil
	}
	if err := strict.UnmarshalStrict(manifest, create()); err != nil {
		return true, fmt.Errorf("%s: %w", head.Kind, err)
	}
	return true, nil
}
