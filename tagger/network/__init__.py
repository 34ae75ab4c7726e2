"""The network: trunks, embedding and heads, in Keras 3."""
