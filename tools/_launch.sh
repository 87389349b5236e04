# Sourced by the dist_*.sh and slurm_*.sh scripts, after _env.sh: starts a tool in many processes.

is_count() { [[ "$1" =~ ^[1-9][0-9]*$ ]]; }

# launch_distributed GPUS TOOL POSITIONAL... -- [DEVICES] [ARGUMENTS...]
launch_distributed() {
    local gpus=$1 command=()
    shift
    is_count "$gpus" || usage_error "expected GPUS to be a number of processes, got '$gpus'"
    while [[ "$1" != -- ]]; do
        command+=("$1")
        shift
    done
    shift
    if [[ "${1:-}" =~ ^[0-9]+(,[0-9]+)*$ ]]; then
        local devices=()
        IFS=, read -r -a devices <<<"$1"
        [[ ${#devices[@]} -eq $gpus ]] ||
            usage_error "expected $gpus GPU(s) in the list '$1', which names ${#devices[@]}"
        export CUDA_VISIBLE_DEVICES="$1"
        shift
    fi
    [[ "${MAX_RESTARTS:-0}" =~ ^[0-9]+$ ]] ||
        usage_error "expected MAX_RESTARTS to be a number, got '$MAX_RESTARTS'"
    require_environment
    export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # torchrun's own default, without its warning
    exec "$PYTHON" "$REPO/tools/_launch.py" --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" \
        --nproc_per_node "$gpus" ${MAX_RESTARTS:+--max_restarts "$MAX_RESTARTS"} --master_addr "${MASTER_ADDR:-127.0.0.1}" \
        --master_port "${PORT:-$(default_port)}" "${command[@]}" --launcher pytorch "$@"
}

# Several machines have to agree on a port; one machine takes a free one, so that two jobs can run.
default_port() {
    if [[ "${NNODES:-1}" != 1 ]]; then
        echo 29500
    else
        "$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'
    fi
}

# launch_slurm PARTITION JOB TOOL [ARGUMENTS...]
launch_slurm() {
    local partition=$1 job=$2 gpus=${GPUS:-8} more=()
    shift 2
    is_count "$gpus" || usage_error "expected GPUS to be a number of processes, got '$gpus'"
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    read -r -a more <<<"${SRUN_ARGS:-}" || true
    require_environment
    exec srun -p "$partition" --job-name "$job" --gres "gpu:$per_node" --ntasks "$gpus" \
        --ntasks-per-node "$per_node" --cpus-per-task "${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 \
        ${more[@]+"${more[@]}"} "$PYTHON" -u "$@" --launcher slurm
}
