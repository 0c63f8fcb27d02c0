"""SGN: pretrained Transformers over what students write, graph convolutions over whom they interact with."""
