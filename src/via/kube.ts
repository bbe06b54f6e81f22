// The tunnel through Kubernetes: `kubectl port-forward` to something in a cluster, started with the run, watched, started again when
// its pod has gone, and ended with the run. kubectl's own configuration says which cluster and how it logs in there.
// https://kubernetes.io/docs/reference/kubectl/generated/kubectl_port-forward/

import type { RdsIamError } from "../base/errors.ts";
import { shellCommand } from "../system/shell-word.ts";
import { ListeningProgram, ListeningPrograms } from "./listening-program.ts";
import type { KubeAddress } from "./parse-server.ts";
import { type Destination, type Tunnel, tunnelError, type TunnelOptions } from "./tunnel.ts";

// All connections end at the same place, wherever they are meant to go.
const THERE: Destination = { host: "", port: 0, address: "" };

/** Starts `kubectl port-forward`, and makes a tunnel whose every connection ends there; rejects with ERR_VIA. */
export async function kubeTunnel(kube: KubeAddress, options: TunnelOptions): Promise<Tunnel> {
  const { connectTimeout, env, findProgram, note } = options;
  const file = await findProgram("kubectl").catch((cause: unknown) => {
    throw tunnelError("kubectl was not found", {
      detail: "No directory of PATH has an executable file of this name.",
      hint: "Install it: https://kubernetes.io/docs/tasks/tools/",
      cause,
    });
  });
  const { context, namespace, port, resource } = kube;
  const where = [
    ...(context === undefined ? [] : [`--context=${context}`]),
    `--namespace=${namespace}`,
  ];
  const seconds = Math.max(1, Math.floor(connectTimeout / 1_000) - 1);
  const forward = ["port-forward", "--address=127.0.0.1", `--pod-running-timeout=${seconds}s`];
  const programs = new ListeningPrograms({
    ...options,
    name: "kubectl",
    keyOf: () => "",
    start: async () => {
      note(`tunnel: kubectl port-forward to ${resource} in ${namespace}`);
      return new ListeningProgram({
        name: "kubectl",
        file,
        args: [...where, ...forward, resource, `:${port}`],
        env,
        opened: /^Forwarding from 127\.0\.0\.1:(\d{1,5}) ->/m,
        noise: /^(?:(?:Forwarding from|Handling connection for) |E\d{4} .* memcache\.go:).*$/gm,
      });
    },
    noPort: (program) => failed(kube, program),
    broken: (_destination, program) => broken(kube, program),
  });
  try {
    await programs.running(THERE, new AbortController().signal);
  } catch (error) {
    await programs.close();
    throw error;
  }
  return {
    open: (_destination, signal) => programs.open(THERE, signal),
    [Symbol.asyncDispose]: () => programs.close(),
  };
}

/** What kubectl says, what that means, and what to do. */
interface KubectlFailure {
  readonly said: RegExp;
  readonly message: (kube: KubeAddress) => string;
  readonly hint: (kube: KubeAddress) => string;
}

// kubectl's own words, and those of the API server that it repeats. The first that matches is reported.
const FAILURES: readonly KubectlFailure[] = [
  {
    said: /context "[^"]*" does not exist|no context exists with the name/,
    message: ({ context = "" }) => `kubectl has no context "${context}"`,
    hint: () => "Choose one of: kubectl config get-contexts --output=name",
  },
  {
    said: /\(Unauthorized\)|You must be logged in|has asked for the client to provide credentials|getting credentials: exec/,
    message: () => "the cluster does not accept the login of kubectl",
    hint: (kube) =>
      `Log in (on EKS with the profile that the context names: aws sso login), then check with: ${getCommand(kube)}`,
  },
  {
    said: /\(Forbidden\)|is forbidden:/,
    message: ({ namespace, resource }) =>
      `kubectl may not forward a port to ${resource} in ${namespace}`,
    hint: ({ namespace }) =>
      `Ask for a role in ${namespace} that may get services, deployments and pods, list pods, and create pods/portforward.`,
  },
  {
    said: /namespaces "[^"]*" not found/,
    message: ({ namespace }) => `there is no namespace ${namespace} in the cluster`,
    hint: ({ context }) => `See what there is: kubectl${contextWords(context)} get namespaces`,
  },
  {
    said: /\(NotFound\)|not found/,
    message: ({ namespace, resource }) => `there is no ${resource} in the namespace ${namespace}`,
    hint: (kube) => `See what there is: ${getCommand(kube)}`,
  },
  {
    said: /does not have a service port|does not have a named port/,
    message: ({ namespace, port, resource }) => `${resource} in ${namespace} has no port ${port}`,
    hint: (kube) => `See its ports: ${getCommand(kube)}`,
  },
  {
    said: /pod is not running|timed out waiting for the condition|no running pods|invalid service|unable to find any pods|no pods (?:found|available)/i,
    message: ({ namespace, resource }) => `no pod of ${resource} in ${namespace} is running`,
    hint: (kube) => `See why: ${getCommand(kube)}`,
  },
  {
    said: /Unable to connect to the server|The connection to the server \S+ was refused|dial tcp|i\/o timeout|no such host|no configuration has been provided/,
    message: () => "kubectl cannot reach the cluster",
    hint: () => "Check the VPN, KUBECONFIG, and: kubectl cluster-info",
  },
];

function failed(kube: KubeAddress, { detail, said }: ListeningProgram): RdsIamError {
  const known = FAILURES.find((each) => each.said.test(said));
  const { namespace, resource } = kube;
  return tunnelError(
    known?.message(kube) ?? `kubectl port-forward to ${resource} in ${namespace} opened no port`,
    { detail, hint: known?.hint(kube) ?? `Check with: ${getCommand(kube)}` },
  );
}

function broken(kube: KubeAddress, { detail, said }: ListeningProgram): RdsIamError {
  const { namespace, port, resource } = kube;
  const what = `${resource} in ${namespace}`;
  let message = `kubectl port-forward to ${what} broke`;
  // kubectl notices the end of its pod when the next connection fails, and then ends itself.
  if (/connection refused/i.test(said))
    message = `nothing accepts connections on port ${port} of ${what}`;
  else if (said.includes("lost connection to pod")) message = `the pod of ${what} is gone`;
  const hint = `The next login starts it again. Look at: ${getCommand(kube)}`;
  return tunnelError(message, { detail, hint });
}

function contextWords(context: string | undefined): string {
  return context === undefined ? "" : ` ${shellCommand`--context ${context}`}`;
}

function getCommand({ context, namespace, resource }: KubeAddress): string {
  const [type = ""] = resource.split("/");
  const types = type === "pod" ? "pods" : `${type},pods`;
  return `kubectl${contextWords(context)} -n ${namespace} get ${types}`;
}
