#!/usr/bin/env bash
# manifests.sh [DIRECTORY]: makes the plain manifests, and the files of kustomize, from the charts beside it, in
# DIRECTORY/kubernetes and DIRECTORY/kustomize; without one, in config/. $HELM names helm, if it is not in the PATH.
#
# The result is in the tree as well, so a reader needs no helm. After a change of a chart, run this;
# tests/container/test_charts.py fails until both are equal.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
to=${1:-$here/..}
helm=${HELM:-helm}
command -v "$helm" >/dev/null || { echo "manifests.sh: there is no $helm; HELM=PATH names another" >&2; exit 1; }
charts=$(mktemp -d)
trap 'rm -rf "$charts"' EXIT

# The charts are copied, so that no library chart is left in the tree.
cp -R "$here"/. "$charts"
for chart in app patches; do
        "$helm" dependency update "$charts/$chart" >"$charts/log" 2>&1 || { cat "$charts/log" >&2; exit 1; }
done

# render RELEASE CHART TEMPLATES [OPTION OF HELM...]: these templates of that chart, in this order.
render() {
        local release=$1 chart=$2 template show=()
        for template in $3; do
                show+=(--show-only "templates/$template.yaml")
        done
        shift 3
        "$helm" template "$release" "$charts/$chart" "${show[@]}" "$@" >"$charts/rendered"
        # Neither lines that name templates, nor a mark before the first document.
        sed -e '1{/^---$/d}' -e '/^# Source: /d' "$charts/rendered"
}

# write FILE COMMAND...: a file is replaced as a whole, or not at all.
write() {
        local file=$1
        shift
        mkdir -p "$(dirname "$to/$file")"
        "$@" >"$charts/made"
        cat "$charts/made" >"$to/$file"
}

node=(-f "$charts/eqp-broker/ci/node-values.yaml" --set rollOnSettings=false)
node_and_application() {
        render eqp-broker eqp-broker "configmap daemonset networkpolicy" "${node[@]}"
        echo ---
        render app-on-node app pod --set kind=Pod,broker=node
}

callers() {
        render eqp-broker eqp-broker configmap "${node[@]}" | sed -n '/callers.conf: |/,$ s/^    //p'
}

local_key=(--set kind=Pod --set localKey.enabled=true --set eqp-broker-sidecar.resources.limits.memory=64Mi)

write kubernetes/pod.yaml render app app pod --set kind=Pod
write kubernetes/pod-local-key.yaml render app app "gateway pod" "${local_key[@]}"
write kubernetes/job.yaml render app-job app job --set kind=Job,eqp-broker-sidecar.probes.readiness=false
write kubernetes/networkpolicy.yaml render app app networkpolicy --set networkPolicy.enabled=true
write kubernetes/daemonset.yaml node_and_application
write kustomize/node/node.yaml render eqp-broker eqp-broker "daemonset networkpolicy" "${node[@]}"
write kustomize/node/callers.conf callers
for patch in pod workload cronjob; do
        write "kustomize/sidecar/$patch.yaml" render any patches $patch
done
