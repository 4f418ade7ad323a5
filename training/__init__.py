"""Trains the models and exports them to ONNX. Features come ready-made from `qtrader dataset build`; none is computed here."""
