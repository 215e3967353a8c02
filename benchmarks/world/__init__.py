"""The payment-time law beside the world's models and the popular mistakes: same invoices, same split, one run."""
