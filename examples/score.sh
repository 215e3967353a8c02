#!/usr/bin/env bash
# Scores an order: examples/score.sh [examples/order.json] [http://127.0.0.1:3000]
set -euo pipefail
order="${1:-$(dirname "$0")/order.json}"
url="${2:-http://127.0.0.1:3000}"
curl --silent --show-error --fail-with-body --header "Content-Type: application/json" --data "@$order" "$url/v1/orders/score"
echo
