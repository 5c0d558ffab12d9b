"""How the client behaves when a vault is slow, busy or gone."""
