// A small enforcer of NetworkPolicies for tests: IPv4, one node, by nftables. It stands in for that part of a
// cluster's network plugin, and is not one.
package main

import (
	"flag"
	"log"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// Changes that come together are loaded together.
const settle = 20 * time.Millisecond
const again = time.Second

func main() {
	kubeconfig := flag.String("kubeconfig", "", "whose policies are kept")
	flag.Parse()
	configuration, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(configuration), 0)
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	policies := factory.Networking().V1().NetworkPolicies()
	changed := make(chan struct{}, 1)
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), namespaces.Informer(), policies.Informer()} {
		if _, err := informer.AddEventHandler(telling(changed)); err != nil {
			log.Fatal(err)
		}
	}
	factory.Start(nil)
	factory.WaitForCacheSync(nil)
	loaded := ""
	for range changed {
		time.Sleep(settle)
		var now cluster
		now.pods, _ = pods.Lister().List(labels.Everything())
		now.namespaces, _ = namespaces.Lister().List(labels.Everything())
		now.policies, _ = policies.Lister().List(labels.Everything())
		wanted := now.rules()
		if wanted == loaded {
			continue
		}
		if err := load(wanted); err != nil {
			log.Printf("%v\n%s", err, wanted)
			time.AfterFunc(again, func() { tell(changed) })
			continue
		}
		loaded = wanted
		log.Printf("%d policies for %d pods", len(now.policies), len(now.pods))
	}
}

func load(rules string) error {
	command := exec.Command("nft", "-f", "-")
	command.Stdin = strings.NewReader(rules)
	words, err := command.CombinedOutput()
	if err != nil {
		log.Printf("nft: %s", words)
	}
	return err
}

func telling(changed chan struct{}) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { tell(changed) },
		UpdateFunc: func(any, any) { tell(changed) },
		DeleteFunc: func(any) { tell(changed) },
	}
}

func tell(changed chan struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}
