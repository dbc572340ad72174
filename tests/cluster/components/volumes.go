package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
)

const (
	provisionerName = "test.atelier.dev/volumes"
	provisionedBy   = "pv.kubernetes.io/provisioned-by"
	selectedNode    = "volume.kubernetes.io/selected-node"
	askedOf         = "volume.kubernetes.io/storage-provisioner"
)

// volumes answers claims of the test storage class, as a disk driver's provisioner would: it waits
// until the scheduler has chosen a node, makes a volume for that very claim, and deletes the volume
// when its claim is gone. Without a folder the volumes are names only (fake nodes mount nothing);
// with one they are directories on this machine, which the chosen node alone can mount.
type volumes struct {
	client kubernetes.Interface
	folder string
	queue  workqueue.TypedRateLimitingInterface[work]
	claims cache.Indexer
	made   cache.Indexer
}

type work struct {
	claim  string // namespace/name
	volume string
}

func runVolumes() {
	flags := flag.NewFlagSet("volumes", flag.ExitOnError)
	kubeconfig := flags.String("kubeconfig", "", "how to reach the API server")
	folder := flags.String("folder", "", "where real directories are made (none: names only)")
	workers := flags.Int("workers", 16, "claims answered at the same time")
	_ = flags.Parse(os.Args[1:])
	if err := serveVolumes(*kubeconfig, *folder, *workers); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveVolumes(kubeconfig, folder string, workers int) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS, config.Burst = 2000, 4000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	factory := informers.NewSharedInformerFactory(client, 0)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	made := factory.Core().V1().PersistentVolumes().Informer()
	v := &volumes{
		client: client, folder: folder, claims: claims.GetIndexer(), made: made.GetIndexer(),
		queue: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[work](20*time.Millisecond, 5*time.Second),
		),
	}
	watch(claims, func(key string) { v.queue.Add(work{claim: key}) })
	watch(made, func(key string) { v.queue.Add(work{volume: key}) })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	for range workers {
		go v.work(ctx)
	}
	<-ctx.Done()
	v.queue.ShutDown()
	return nil
}

func watch(informer cache.SharedIndexInformer, changed func(key string)) {
	told := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			changed(key)
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: told, UpdateFunc: func(_, now any) { told(now) },
	})
}

func (v *volumes) work(ctx context.Context) {
	for {
		item, stopped := v.queue.Get()
		if stopped {
			return
		}
		var err error
		if item.claim != "" {
			err = v.answer(ctx, item.claim)
		} else {
			err = v.reclaim(ctx, item.volume)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%+v: %v\n", item, err)
			v.queue.AddRateLimited(item)
		} else {
			v.queue.Forget(item)
		}
		v.queue.Done(item)
	}
}

func (v *volumes) answer(ctx context.Context, key string) error {
	object, found, err := v.claims.GetByKey(key)
	if err != nil || !found {
		return err
	}
	claim := object.(*core.PersistentVolumeClaim)
	node := claim.Annotations[selectedNode]
	if claim.Annotations[askedOf] != provisionerName || claim.Spec.VolumeName != "" || node == "" ||
		claim.DeletionTimestamp != nil {
		return nil
	}
	volume := &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{
			Name: "pvc-" + string(claim.UID), Annotations: map[string]string{provisionedBy: provisionerName},
		},
		Spec: core.PersistentVolumeSpec{
			Capacity: core.ResourceList{
				core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage],
			},
			AccessModes:                   claim.Spec.AccessModes,
			PersistentVolumeReclaimPolicy: core.PersistentVolumeReclaimDelete,
			StorageClassName:              *claim.Spec.StorageClassName,
			VolumeMode:                    claim.Spec.VolumeMode,
			ClaimRef: &core.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}
	if err := v.place(volume, node); err != nil {
		return err
	}
	_, err = v.client.CoreV1().PersistentVolumes().Create(ctx, volume, meta.CreateOptions{})
	if errors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// place says where the volume's bytes lie.
func (v *volumes) place(volume *core.PersistentVolume, node string) error {
	if v.folder == "" {
		volume.Spec.HostPath = &core.HostPathVolumeSource{Path: "/nowhere/" + volume.Name}
		return nil
	}
	path := filepath.Join(v.folder, volume.Name)
	if err := os.MkdirAll(path, 0o770); err != nil {
		return err
	}
	volume.Spec.Local = &core.LocalVolumeSource{Path: path}
	volume.Spec.NodeAffinity = &core.VolumeNodeAffinity{Required: &core.NodeSelector{
		NodeSelectorTerms: []core.NodeSelectorTerm{{MatchExpressions: []core.NodeSelectorRequirement{{
			Key: core.LabelHostname, Operator: core.NodeSelectorOpIn, Values: []string{node},
		}}}},
	}}
	return nil
}

func (v *volumes) reclaim(ctx context.Context, name string) error {
	object, found, err := v.made.GetByKey(name)
	if err != nil || !found {
		return err
	}
	volume := object.(*core.PersistentVolume)
	if volume.Annotations[provisionedBy] != provisionerName || volume.DeletionTimestamp != nil ||
		volume.Status.Phase != core.VolumeReleased ||
		volume.Spec.PersistentVolumeReclaimPolicy != core.PersistentVolumeReclaimDelete {
		return nil
	}
	if volume.Spec.Local != nil {
		if err := os.RemoveAll(filepath.Join(v.folder, volume.Name)); err != nil {
			return err
		}
	}
	err = v.client.CoreV1().PersistentVolumes().Delete(ctx, name, meta.DeleteOptions{})
	if errors.IsNotFound(err) {
		return nil
	}
	return err
}
